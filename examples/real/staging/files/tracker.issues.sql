-- The first comment is one by somebody else than the reporter: a reply, and not an afterthought.
WITH replies AS (
    SELECT comments.tracker, comments.key, min(comments.created) AS first_comment_at
    FROM files.comments AS comments
    JOIN files.issues AS issues ON issues.tracker = comments.tracker AND issues.key = comments.key
    WHERE NOT comments._deleted AND comments.author IS DISTINCT FROM issues.reporter
    GROUP BY comments.tracker, comments.key
)
SELECT
    issues.tracker || ':' || issues.key AS issue_id,
    issues.tracker,
    issues.project,
    issues.project AS team,
    issues.issuetype AS type,
    issues.priority,
    issues.status,
    -- As in tracker.statuses.sql, which has the words of the changelog as well.
    CASE
        WHEN lower(issues.status) IN ('closed', 'resolved', 'done', 'complete', 'completed', 'verified') THEN 'done'
        WHEN lower(issues.status)
            IN ('in progress', 'in review', 'in testing', 'patch available', 'started', 'testing')
            THEN 'in_progress'
        ELSE 'to_do'
    END AS status_category,
    issues.created AS created_at,
    issues.updated AS updated_at,
    issues.resolutiondate AS resolved_at,
    epoch_ms(issues.resolutiondate) - epoch_ms(issues.created) AS resolution_ms,
    issues.created + INTERVAL 120 HOUR AS due_at,
    replies.first_comment_at,
    FALSE AS is_deleted
FROM files.issues AS issues
LEFT JOIN replies ON replies.tracker = issues.tracker AND replies.key = issues.key
WHERE NOT issues._deleted
