SELECT
    tracker || ':' || key AS issue_id,
    tracker,
    project,
    issuetype AS type,
    priority,
    status,
    created AS created_at,
    updated AS updated_at,
    resolutiondate AS resolved_at,
    epoch_ms(resolutiondate) - epoch_ms(created) AS resolution_ms
FROM files.issues
WHERE NOT _deleted
