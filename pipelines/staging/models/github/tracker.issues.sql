-- What the vendor has no field for is a label: `type: bug` (or `kind/bug`, or plainly `bug`), `priority: critical`,
-- `team: core`, `status: in progress`, `points: 3`. An open issue is begun when a status label says more than that it
-- waits. Of two labels of one kind the first by name counts.
WITH named AS (
    SELECT issues.repository, issues.number, lower(label.name) AS name
    FROM github.issues AS issues,
        UNNEST(json_extract_string(issues.labels, '$[*]')) AS label (name)
),
labels AS (
    SELECT
        repository,
        number,
        min(regexp_extract(name, '^(?:type|kind)\s*[:/]\s*(.+)$', 1))
            FILTER (regexp_matches(name, '^(type|kind)\s*[:/]')) AS type,
        bool_or(name = 'bug') AS is_bug,
        bool_or(name = 'incident') AS is_incident,
        bool_or(name IN ('enhancement', 'feature')) AS is_story,
        min(regexp_extract(name, '^priority\s*[:/]\s*(.+)$', 1)) FILTER (regexp_matches(name, '^priority\s*[:/]'))
            AS priority,
        min(regexp_extract(name, '^team\s*[:/]\s*(.+)$', 1)) FILTER (regexp_matches(name, '^team\s*[:/]')) AS team,
        min(regexp_extract(name, '^status\s*[:/]\s*(.+)$', 1)) FILTER (regexp_matches(name, '^status\s*[:/]'))
            AS status,
        min(TRY_CAST(regexp_extract(name, '^points\s*[:/]\s*(.+)$', 1) AS DOUBLE))
            FILTER (regexp_matches(name, '^points\s*[:/]')) AS points
    FROM named
    GROUP BY repository, number
)
SELECT
    issues.repository || '#' || issues.number AS issue_id,
    issues.repository || '#' || issues.number AS key,
    labels.team,
    CASE
        WHEN labels.type IN ('feature', 'enhancement') THEN 'story'
        WHEN labels.type IS NOT NULL THEN labels.type
        WHEN labels.is_incident THEN 'incident'
        WHEN labels.is_bug THEN 'bug'
        WHEN labels.is_story THEN 'story'
        ELSE 'task'
    END AS type,
    labels.priority,
    CASE
        WHEN issues.state = 'closed' AND issues.state_reason = 'not_planned' THEN 'not planned'
        WHEN issues.state = 'closed' THEN 'closed'
        ELSE coalesce(labels.status, 'open')
    END AS status,
    CASE
        WHEN issues.state = 'closed' THEN 'done'
        WHEN coalesce(labels.status, 'open') IN ('open', 'backlog', 'blocked', 'ready', 'to do', 'todo', 'triage')
            THEN 'to_do'
        ELSE 'in_progress'
    END AS status_category,
    issues.created_at,
    CASE WHEN issues.state = 'closed' THEN issues.closed_at END AS resolved_at,
    issues.updated_at,
    labels.points AS story_points,
    issues.repository || '#' || issues.milestone AS sprint_id,
    issues.assignee_id,
    issues._deleted AS is_deleted
FROM github.issues AS issues
LEFT JOIN labels ON labels.repository = issues.repository AND labels.number = issues.number
