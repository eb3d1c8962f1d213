-- Recurring revenue of accounts that paid a year earlier: each subscription, cut to the days on which its account was
-- paying twelve months before. Net revenue retention at a day is the sum of these over all recurring revenue a year ago.
WITH subscriptions AS (
    SELECT subscription_id, account_id, start_date, end_date, amount, interval_months
    FROM billing.subscriptions
    WHERE is_recurring AND amount > 0 AND (end_date IS NULL OR end_date > start_date)
),
-- Overlapping and touching subscriptions of an account make one stretch of paying.
ordered AS (
    SELECT
        account_id,
        start_date,
        coalesce(end_date, DATE '9999-12-31') AS end_date,
        max(coalesce(end_date, DATE '9999-12-31')) OVER (
            PARTITION BY account_id ORDER BY start_date, end_date
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_until
    FROM subscriptions
),
stretches AS (
    SELECT *, sum(CASE WHEN covered_until >= start_date THEN 0 ELSE 1 END) OVER (
        PARTITION BY account_id ORDER BY start_date, end_date
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS stretch
    FROM ordered
),
paying AS (
    SELECT
        account_id,
        CAST(min(start_date) + INTERVAL 12 MONTH AS DATE) AS cohort_from,
        CASE WHEN max(end_date) < DATE '9999-12-31' THEN CAST(max(end_date) + INTERVAL 12 MONTH AS DATE) END AS cohort_until
    FROM stretches
    GROUP BY account_id, stretch
)
SELECT
    subscriptions.subscription_id,
    subscriptions.account_id,
    greatest(subscriptions.start_date, paying.cohort_from) AS valid_from,
    -- least() of an engine may skip nulls, and null is "still running" here.
    CASE
        WHEN subscriptions.end_date IS NULL THEN paying.cohort_until
        WHEN paying.cohort_until IS NULL THEN subscriptions.end_date
        ELSE least(subscriptions.end_date, paying.cohort_until)
    END AS valid_to,
    subscriptions.amount,
    subscriptions.interval_months
FROM subscriptions
JOIN paying ON paying.account_id = subscriptions.account_id
    AND (paying.cohort_until IS NULL OR paying.cohort_until > subscriptions.start_date)
    AND (subscriptions.end_date IS NULL OR subscriptions.end_date > paying.cohort_from)
ORDER BY subscriptions.subscription_id, valid_from
