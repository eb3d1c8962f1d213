-- Deployments by day, days without any included, so that a frequency has the whole of the calendar below it (UTC days).
WITH days AS (
    SELECT CAST(unnest(generate_series(first_day, last_day, INTERVAL 1 DAY)) AS DATE) AS day
    FROM (
        SELECT CAST(min(finished_at) AS DATE) AS first_day, CAST(max(finished_at) AS DATE) AS last_day
        FROM tracker.deployments
    )
),
services AS (
    SELECT DISTINCT service FROM tracker.deployments
),
done AS (
    SELECT CAST(finished_at AS DATE) AS day, service, count(*) AS deployments
    FROM tracker.deployments
    WHERE environment = 'production' AND status = 'success'
    GROUP BY ALL
)
SELECT days.day, services.service, coalesce(done.deployments, 0) AS deployments
FROM days
CROSS JOIN services
LEFT JOIN done ON done.day = days.day AND done.service = services.service
ORDER BY days.day, services.service
