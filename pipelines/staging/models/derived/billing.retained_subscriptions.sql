-- Recurring revenue of accounts that paid a year earlier: each subscription, cut to the days on which its account was
-- paying twelve months before. Net revenue retention at a day is the sum of these over all recurring revenue a year ago.
WITH subscriptions AS (
    SELECT subscription_id, account_id, start_date, end_date, amount, interval_months
    FROM billing.subscriptions
    WHERE is_recurring AND (end_date IS NULL OR end_date > start_date)
),
-- Stretches of paying that touch are one; what changed between them is only how much.
ordered AS (
    SELECT
        account_id,
        valid_from,
        valid_to,
        coalesce(lag(valid_to) OVER (PARTITION BY account_id ORDER BY valid_from) < valid_from, TRUE) AS is_new
    FROM billing.paying_accounts
),
stretches AS (
    SELECT *, count_if(is_new) OVER (
        PARTITION BY account_id ORDER BY valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS stretch
    FROM ordered
),
paying AS (
    SELECT
        account_id,
        CAST(min(valid_from) + INTERVAL 12 MONTH AS DATE) AS cohort_from,
        CASE WHEN count(valid_to) = count(*) THEN CAST(max(valid_to) + INTERVAL 12 MONTH AS DATE) END AS cohort_until
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
