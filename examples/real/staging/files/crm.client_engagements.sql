-- Deals won as engagements: on which days one counts within 24 months.
SELECT
    opportunity_id,
    account AS account_id,
    close_date AS won_on,
    CAST(close_date + INTERVAL 24 MONTH AS DATE) AS counts_until
FROM files.sales_pipeline
WHERE NOT _deleted AND deal_stage = 'Won' AND account IS NOT NULL AND close_date IS NOT NULL
