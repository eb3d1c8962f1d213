SELECT
    name AS status,
    max(
        CASE
            WHEN type IN ('completed', 'canceled', 'duplicate') THEN 'done'
            WHEN type = 'started' THEN 'in_progress'
            ELSE 'to_do'
        END
    ) AS status_category
FROM linear.workflow_states
WHERE NOT _deleted
GROUP BY name
