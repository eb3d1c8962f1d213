-- When each account paid, and how much a month: its recurring subscriptions, added up between one change and the next.
-- Stretches in which they come to nothing, or to a credit, are left out.
WITH subscriptions AS (
    SELECT account_id, start_date, end_date, CAST(amount / interval_months AS DECIMAL(28, 9)) AS monthly
    FROM billing.subscriptions
    WHERE is_recurring AND (end_date IS NULL OR end_date > start_date)
),
turns AS (
    SELECT account_id, start_date AS day FROM subscriptions
    UNION
    SELECT account_id, end_date FROM subscriptions WHERE end_date IS NOT NULL
),
stretches AS (
    SELECT account_id, day AS valid_from, lead(day) OVER (PARTITION BY account_id ORDER BY day) AS valid_to
    FROM turns
)
SELECT stretches.account_id, stretches.valid_from, stretches.valid_to, sum(subscriptions.monthly) AS mrr
FROM stretches
JOIN subscriptions ON subscriptions.account_id = stretches.account_id
    AND subscriptions.start_date <= stretches.valid_from
    AND (subscriptions.end_date IS NULL OR subscriptions.end_date > stretches.valid_from)
GROUP BY stretches.account_id, stretches.valid_from, stretches.valid_to
HAVING sum(subscriptions.monthly) > 0
ORDER BY stretches.account_id, stretches.valid_from
