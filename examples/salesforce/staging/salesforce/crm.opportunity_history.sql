-- The history to go with it: amounts at the rate of the opportunity's close date as it is now, so that the pipeline of
-- a past day and the opportunities of today are in one currency.
WITH rates AS (
    SELECT
        opportunities.opportunity_id,
        CASE WHEN opportunities.currency = 'USD' THEN 1 ELSE conversion.rate END AS rate
    FROM salesforce.opportunities AS opportunities
    LEFT JOIN salesforce.dated_conversion_rates AS conversion
        ON NOT conversion._deleted
        AND conversion.currency = opportunities.currency
        AND opportunities.close_date >= conversion.valid_from
        AND (conversion.valid_to IS NULL OR opportunities.close_date < conversion.valid_to)
)
SELECT
    changes.opportunity_id,
    changes.created_at AS changed_at,
    CASE changes.field WHEN 'StageName' THEN 'stage' WHEN 'Amount' THEN 'amount' ELSE 'close_date' END AS field,
    CASE
        WHEN changes.field = 'Amount'
            THEN CAST(CAST(CAST(changes.old_value AS DECIMAL(28, 2)) / rates.rate AS DECIMAL(28, 2)) AS VARCHAR)
        ELSE changes.old_value
    END AS old,
    CASE
        WHEN changes.field = 'Amount'
            THEN CAST(CAST(CAST(changes.new_value AS DECIMAL(28, 2)) / rates.rate AS DECIMAL(28, 2)) AS VARCHAR)
        ELSE changes.new_value
    END AS new
FROM salesforce.opportunity_field_history AS changes
LEFT JOIN rates USING (opportunity_id)
WHERE changes.field IN ('StageName', 'Amount', 'CloseDate') AND NOT (changes.is_deleted OR changes._deleted)
QUALIFY row_number() OVER (
    PARTITION BY changes.opportunity_id, changes.field, changes.created_at ORDER BY changes.history_id DESC
) = 1
