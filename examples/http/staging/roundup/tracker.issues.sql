-- Of a template that has more or other statuses and priorities, name them here.
SELECT
    issues.issue_id,
    'issue' || issues.issue_id AS key,
    CAST(NULL AS VARCHAR) AS team,
    CASE WHEN priorities.name IN ('feature', 'wish') THEN 'story' ELSE 'bug' END AS type,
    CASE priorities.name WHEN 'critical' THEN 'critical' WHEN 'urgent' THEN 'high' WHEN 'wish' THEN 'low' ELSE 'medium' END
        AS priority,
    coalesce(statuses.name, 'unread') AS status,
    CASE
        WHEN statuses.name IN ('resolved', 'done-cbb') THEN 'done'
        WHEN statuses.name IN ('in-progress', 'testing', 'chatting') THEN 'in_progress'
        ELSE 'to_do'
    END AS status_category,
    issues.created_at,
    CASE WHEN statuses.name IN ('resolved', 'done-cbb') THEN issues.updated_at END AS resolved_at,
    issues.updated_at,
    CAST(NULL AS DOUBLE) AS story_points,
    CAST(NULL AS VARCHAR) AS sprint_id,
    issues.assignee_id,
    issues._deleted AS is_deleted
FROM roundup.issues AS issues
LEFT JOIN roundup.statuses AS statuses ON statuses.status_id = issues.status_id
LEFT JOIN roundup.priorities AS priorities ON priorities.priority_id = issues.priority_id
