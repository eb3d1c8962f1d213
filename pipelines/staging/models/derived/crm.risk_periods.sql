-- When an account was at risk: from a flag to the next clearing, or still.
WITH flags AS (
    SELECT DISTINCT account_id, event, occurred_at
    FROM crm.account_events
    WHERE event IN ('flagged_at_risk', 'risk_cleared')
),
ordered AS (
    SELECT
        account_id,
        event,
        occurred_at,
        lag(event) OVER (PARTITION BY account_id ORDER BY occurred_at, event) AS event_before,
        min(CASE WHEN event = 'risk_cleared' THEN occurred_at END) OVER (
            PARTITION BY account_id ORDER BY occurred_at, event
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS cleared_at
    FROM flags
)
SELECT account_id, occurred_at AS flagged_at, cleared_at
FROM ordered
-- A second flag while the first one stands changes nothing.
WHERE event = 'flagged_at_risk' AND (event_before IS NULL OR event_before = 'risk_cleared')
ORDER BY account_id, occurred_at
