-- A milestone with a due date is a sprint. It has no team: it is the team's that most of its issues are labelled with.
-- It has no start: it begins when that team's milestone before it was due, or when it was made.
WITH labelled AS (
    SELECT
        issues.repository,
        issues.milestone,
        regexp_extract(lower(label.name), '^team\s*[:/]\s*(.+)$', 1) AS team,
        count(*) AS issues
    FROM github.issues AS issues, UNNEST(json_extract_string(issues.labels, '$[*]')) AS label (name)
    WHERE NOT issues._deleted AND issues.milestone IS NOT NULL AND regexp_matches(lower(label.name), '^team\s*[:/]\s*\S')
    GROUP BY ALL
),
teams AS (
    SELECT repository, milestone, team
    FROM labelled
    QUALIFY row_number() OVER (PARTITION BY repository, milestone ORDER BY issues DESC, team) = 1
),
milestones AS (
    SELECT
        milestones.repository,
        milestones.number,
        coalesce(teams.team, milestones.repository) AS team,
        milestones.created_at,
        milestones.due_at
    FROM github.milestones AS milestones
    LEFT JOIN teams ON teams.repository = milestones.repository AND teams.milestone = milestones.number
    WHERE NOT milestones._deleted AND milestones.due_at IS NOT NULL
)
SELECT
    repository || '#' || number AS sprint_id,
    team,
    least(
        coalesce(
            max(due_at) OVER (
                PARTITION BY repository, team ORDER BY due_at
                RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 SECOND PRECEDING
            ),
            created_at,
            due_at
        ),
        due_at
    ) AS start_at,
    due_at AS end_at
FROM milestones
