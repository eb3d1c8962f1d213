-- Every moment a user was active against every feature, used or not, so that a share of active users has the same
-- whole for each feature. Moments are quarters of an hour: fine enough for the days of any time zone.
WITH moments AS (
    SELECT
        time_bucket(INTERVAL 15 MINUTE, occurred_at) AS occurred_at,
        user_id,
        min(account_id) AS account_id,
        list_distinct(list(feature) FILTER (WHERE feature IS NOT NULL)) AS used
    FROM product.events
    GROUP BY 1, 2
),
features AS (
    SELECT DISTINCT feature FROM product.events WHERE feature IS NOT NULL
)
SELECT
    moments.occurred_at,
    moments.user_id,
    moments.account_id,
    features.feature,
    coalesce(list_contains(moments.used, features.feature), FALSE) AS is_used
FROM moments
CROSS JOIN features
ORDER BY moments.occurred_at, moments.user_id, features.feature
