-- Won opportunities as engagements: on which days one counts within 24 months.
SELECT
    opportunity_id,
    account_id,
    close_date AS won_on,
    CAST(close_date + INTERVAL 24 MONTH AS DATE) AS counts_until
FROM crm.opportunities
WHERE is_won AND NOT is_deleted AND account_id IS NOT NULL AND close_date IS NOT NULL
ORDER BY opportunity_id
