SELECT cycle_id AS sprint_id, coalesce(team, team_id) AS team, starts_at AS start_at, ends_at AS end_at
FROM linear.cycles
WHERE NOT _deleted
