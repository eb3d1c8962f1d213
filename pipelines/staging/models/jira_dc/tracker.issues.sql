SELECT
    issue_id,
    key,
    team,
    lower(type) AS type,
    lower(priority) AS priority,
    status,
    CASE status_category WHEN 'done' THEN 'done' WHEN 'indeterminate' THEN 'in_progress' ELSE 'to_do' END
        AS status_category,
    created_at,
    resolved_at,
    updated_at,
    story_points,
    sprint_id,
    assignee_id,
    _deleted AS is_deleted
FROM jira_dc.issues
