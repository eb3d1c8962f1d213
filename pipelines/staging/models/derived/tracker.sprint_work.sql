-- What was in a sprint, and whether it was done by its end.
SELECT
    issues.issue_id,
    issues.sprint_id,
    sprints.team,
    sprints.end_at AS sprint_end_at,
    issues.assignee_id,
    issues.sprint_id || ' ' || issues.assignee_id AS sprint_assignee,
    issues.story_points,
    coalesce(issues.resolved_at <= sprints.end_at, FALSE) AS is_done
FROM tracker.issues AS issues
JOIN tracker.sprints AS sprints USING (sprint_id)
WHERE NOT issues.is_deleted
ORDER BY issues.issue_id
