-- When an issue was first in progress and first done, by its changes of status. What it was created as counts from its
-- creation; an issue that is done without any change of status was done when it was resolved.
WITH categories AS (
    SELECT
        coalesce(listed.status, present.status) AS status,
        coalesce(listed.status_category, present.status_category) AS status_category
    FROM tracker.statuses AS listed
    FULL OUTER JOIN (
        SELECT status, max(status_category) AS status_category FROM tracker.issues GROUP BY status
    ) AS present ON present.status = listed.status
),
changes AS (
    SELECT
        changelog.issue_id,
        greatest(changelog.changed_at, issues.created_at) AS moment,
        row_number() OVER (
            PARTITION BY changelog.issue_id
            ORDER BY changelog.changed_at, length(changelog.change_id), changelog.change_id
        ) AS place,
        changelog.old,
        changelog.new
    FROM tracker.issue_changelog AS changelog
    JOIN tracker.issues AS issues USING (issue_id)
    WHERE changelog.field = 'status'
),
moves AS (
    SELECT issue_id, moment, new AS status FROM changes
    UNION ALL
    SELECT issues.issue_id, issues.created_at, changes.old
    FROM tracker.issues AS issues
    JOIN changes ON changes.issue_id = issues.issue_id AND changes.place = 1
    UNION ALL
    SELECT
        issues.issue_id,
        CASE issues.status_category
            WHEN 'done' THEN coalesce(issues.resolved_at, issues.created_at)
            ELSE issues.created_at
        END,
        issues.status
    FROM tracker.issues AS issues
    ANTI JOIN changes ON changes.issue_id = issues.issue_id
),
placed AS (
    SELECT
        moves.issue_id,
        moves.moment,
        coalesce(categories.status_category, moves.status) AS status_category
    FROM moves
    LEFT JOIN categories ON categories.status = moves.status
)
SELECT
    issues.issue_id,
    issues.team,
    issues.type,
    min(placed.moment) FILTER (placed.status_category = 'in_progress') AS started_at,
    min(placed.moment) FILTER (placed.status_category = 'done') AS done_at
FROM placed
JOIN tracker.issues AS issues USING (issue_id)
WHERE NOT issues.is_deleted
GROUP BY issues.issue_id, issues.team, issues.type
ORDER BY issues.issue_id
