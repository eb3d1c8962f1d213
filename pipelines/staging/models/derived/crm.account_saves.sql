-- Accounts flagged at risk, judged 90 days later: does the account pay at the end of that month (of the company's
-- calendar)?
WITH flags AS (
    SELECT DISTINCT
        account_id,
        occurred_at AS flagged_at,
        occurred_at + INTERVAL 90 DAY AS judged_at,
        last_day(local_day(occurred_at + INTERVAL 90 DAY)) AS month_end
    FROM crm.account_events
    WHERE event = 'flagged_at_risk'
)
SELECT
    flags.account_id,
    flags.flagged_at,
    flags.judged_at,
    coalesce(round(sum(subscriptions.amount / subscriptions.interval_months), 9), 0) > 0 AS is_paying
FROM flags
LEFT JOIN billing.subscriptions AS subscriptions
    ON subscriptions.account_id = flags.account_id
    AND subscriptions.is_recurring
    AND subscriptions.start_date <= flags.month_end
    AND (subscriptions.end_date IS NULL OR subscriptions.end_date > flags.month_end)
GROUP BY flags.account_id, flags.flagged_at, flags.judged_at
ORDER BY flags.account_id, flags.flagged_at
