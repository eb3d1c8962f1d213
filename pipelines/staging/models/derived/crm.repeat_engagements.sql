-- Engagements on the days on which their account has an earlier one within 24 months as well: from the later one's
-- day until the earlier one is 24 months old.
SELECT
    opportunity_id,
    account_id,
    won_on,
    CAST(before_it + INTERVAL 24 MONTH AS DATE) AS repeat_until
FROM (
    SELECT
        opportunity_id,
        account_id,
        won_on,
        lag(won_on) OVER (PARTITION BY account_id ORDER BY won_on, opportunity_id) AS before_it
    FROM crm.client_engagements
)
WHERE before_it + INTERVAL 24 MONTH > won_on
ORDER BY opportunity_id
