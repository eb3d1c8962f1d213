-- Projects may each have a status of one name: what any of them calls done, or else in progress, is that.
SELECT
    name AS status,
    min(CASE category WHEN 'done' THEN 'done' WHEN 'indeterminate' THEN 'in_progress' ELSE 'to_do' END)
        AS status_category
FROM jira.statuses
WHERE NOT _deleted
GROUP BY name
