-- Accounts flagged at risk, judged 90 days later: is the account still paying at the end of that month (UTC)?
WITH flags AS (
    SELECT DISTINCT account_id, occurred_at AS flagged_at, occurred_at + INTERVAL 90 DAY AS judged_at
    FROM crm.account_events
    WHERE event = 'flagged_at_risk'
)
SELECT
    flags.account_id,
    flags.flagged_at,
    flags.judged_at,
    coalesce(bool_or(subscriptions.subscription_id IS NOT NULL), FALSE) AS is_paying
FROM flags
LEFT JOIN billing.subscriptions AS subscriptions
    ON subscriptions.account_id = flags.account_id
    AND subscriptions.is_recurring
    AND subscriptions.amount > 0
    AND subscriptions.start_date <= last_day(CAST(flags.judged_at AS DATE))
    AND (subscriptions.end_date IS NULL OR subscriptions.end_date > last_day(CAST(flags.judged_at AS DATE)))
GROUP BY flags.account_id, flags.flagged_at, flags.judged_at
ORDER BY flags.account_id, flags.flagged_at
