-- One entry of the history may hold several changes; a pair of fields that are both empty is no change. Priorities are
-- written as `tracker.issues` writes them.
WITH entries AS (
    SELECT
        history.*,
        CASE
            WHEN list_contains(list_transform(json_extract_string(issues.labels, '$[*]'), lambda name : lower(name)), 'incident')
                THEN ['p0', 'p1', 'p2', 'p3']
            ELSE ['critical', 'high', 'medium', 'low']
        END AS priorities
    FROM linear.issue_history AS history
    JOIN linear.issues AS issues USING (issue_id)
    WHERE NOT history._deleted
),
changes AS (
    SELECT issue_id, history_id, changed_at, 'status' AS field, from_state AS old, to_state AS new FROM entries
    UNION ALL
    SELECT
        issue_id,
        history_id,
        changed_at,
        'priority',
        priorities[CASE WHEN from_priority BETWEEN 1 AND 4 THEN CAST(from_priority AS INTEGER) END],
        priorities[CASE WHEN to_priority BETWEEN 1 AND 4 THEN CAST(to_priority AS INTEGER) END]
    FROM entries
    UNION ALL
    SELECT issue_id, history_id, changed_at, 'assignee', from_assignee_id, to_assignee_id FROM entries
    UNION ALL
    SELECT issue_id, history_id, changed_at, 'sprint', from_cycle_id, to_cycle_id FROM entries
    UNION ALL
    SELECT
        issue_id, history_id, changed_at, 'story points', printf('%g', from_estimate), printf('%g', to_estimate)
    FROM entries
)
SELECT issue_id, history_id AS change_id, field, changed_at, old, new
FROM changes
WHERE old IS DISTINCT FROM new
