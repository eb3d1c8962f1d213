SELECT sprint_id, coalesce(board, board_id) AS team, start_at, end_at
FROM jira_dc.sprints
WHERE NOT _deleted AND start_at IS NOT NULL AND end_at IS NOT NULL
