-- One row per field and instant: where one field changed twice at one instant, the last change counts.
SELECT
    opportunity_id,
    created_at AS changed_at,
    CASE field WHEN 'StageName' THEN 'stage' WHEN 'Amount' THEN 'amount' ELSE 'close_date' END AS field,
    old_value AS old,
    new_value AS new
FROM salesforce.opportunity_field_history
WHERE field IN ('StageName', 'Amount', 'CloseDate') AND NOT (is_deleted OR _deleted)
QUALIFY row_number() OVER (PARTITION BY opportunity_id, field, created_at ORDER BY history_id DESC) = 1
