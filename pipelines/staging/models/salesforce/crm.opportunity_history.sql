-- One row per field and instant: where one field changed twice at one instant, the last change counts.
SELECT
    opportunity_id,
    created_at AS changed_at,
    CASE field WHEN 'StageName' THEN 'stage' WHEN 'Amount' THEN 'amount' ELSE 'close_date' END AS field,
    CASE WHEN field = 'Amount' THEN CAST(CAST(old_value AS DECIMAL(28, 2)) AS VARCHAR) ELSE old_value END AS old,
    CASE WHEN field = 'Amount' THEN CAST(CAST(new_value AS DECIMAL(28, 2)) AS VARCHAR) ELSE new_value END AS new
FROM salesforce.opportunity_field_history
WHERE field IN ('StageName', 'Amount', 'CloseDate') AND NOT (is_deleted OR _deleted)
QUALIFY row_number() OVER (PARTITION BY opportunity_id, field, created_at ORDER BY history_id DESC) = 1
