-- What an issue is shows in its labels; one that has none of these words is a task. Urgent is critical, but for an
-- incident, whose priority is its severity: urgent is p0. Archived issues are issues; those in the trash are deleted.
WITH words AS (
    SELECT
        issues.*,
        list_transform(json_extract_string(issues.labels, '$[*]'), lambda name : lower(name)) AS names
    FROM linear.issues AS issues
),
typed AS (
    SELECT
        words.*,
        CASE
            WHEN list_contains(names, 'incident') THEN 'incident'
            WHEN list_contains(names, 'bug') THEN 'bug'
            WHEN list_has_any(names, ['story', 'feature', 'improvement']) THEN 'story'
            ELSE 'task'
        END AS type
    FROM words
)
SELECT
    issue_id,
    key,
    team,
    type,
    CASE
        WHEN coalesce(priority, 0) NOT BETWEEN 1 AND 4 THEN NULL
        WHEN type = 'incident' THEN ['p0', 'p1', 'p2', 'p3'][CAST(priority AS INTEGER)]
        ELSE ['critical', 'high', 'medium', 'low'][CAST(priority AS INTEGER)]
    END AS priority,
    state AS status,
    CASE
        WHEN state_type IN ('completed', 'canceled', 'duplicate') THEN 'done'
        WHEN state_type = 'started' THEN 'in_progress'
        ELSE 'to_do'
    END AS status_category,
    created_at,
    CASE WHEN state_type IN ('completed', 'canceled', 'duplicate') THEN coalesce(completed_at, canceled_at) END
        AS resolved_at,
    updated_at,
    estimate AS story_points,
    cycle_id AS sprint_id,
    assignee_id,
    coalesce(is_trashed, FALSE) OR _deleted AS is_deleted
FROM typed
