SELECT
    name AS status,
    max(CASE category WHEN 'done' THEN 'done' WHEN 'indeterminate' THEN 'in_progress' ELSE 'to_do' END)
        AS status_category
FROM jira_dc.statuses
WHERE NOT _deleted
GROUP BY name
