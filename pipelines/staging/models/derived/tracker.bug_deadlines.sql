-- When a bug is due by its priority. The hours are the service level agreement: a company with another one puts a
-- model of this name into its own staging folder.
SELECT
    issues.issue_id,
    issues.team,
    issues.priority,
    issues.created_at,
    issues.resolved_at,
    issues.created_at + levels.hours * INTERVAL 1 HOUR AS due_at,
    coalesce(issues.resolved_at <= issues.created_at + levels.hours * INTERVAL 1 HOUR, FALSE) AS is_met
FROM tracker.issues AS issues
JOIN (VALUES ('critical', 120), ('high', 240)) AS levels (priority, hours) ON levels.priority = lower(issues.priority)
WHERE issues.type = 'bug' AND NOT issues.is_deleted
ORDER BY issues.issue_id
