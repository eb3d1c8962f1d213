-- The changelog folded into intervals [valid_from, valid_to): what an issue was at any instant of its life.
-- Status, priority and type come from history; today's value is only used where nothing ever changed. An issue that is
-- done without any change of status was open until it was resolved. A value that is a category itself is that one.
WITH categories AS (
    -- The tracker's own list first: a status that no issue has today still has its category.
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
        changelog.field,
        greatest(changelog.changed_at, issues.created_at) AS moment,
        -- Changes in the order in which they were made; ids of changes count up, and may be numbers without zeros.
        row_number() OVER (
            PARTITION BY changelog.issue_id, changelog.field
            ORDER BY changelog.changed_at, length(changelog.change_id), changelog.change_id
        ) AS place,
        changelog.old,
        changelog.new
    FROM tracker.issue_changelog AS changelog
    JOIN tracker.issues AS issues USING (issue_id)
    WHERE changelog.field IN ('status', 'priority', 'type')
),
-- Before the first change a field had the value which that change replaced.
first_values AS (
    SELECT issue_id, field, old AS value FROM changes WHERE place = 1
),
initial AS (
    SELECT issues.issue_id, fields.field, issues.created_at AS moment,
        CASE
            WHEN first_values.field IS NOT NULL THEN first_values.value
            WHEN fields.field = 'priority' THEN issues.priority
            WHEN fields.field = 'type' THEN issues.type
            WHEN issues.status_category = 'done' AND issues.resolved_at > issues.created_at THEN 'to_do'
            ELSE issues.status
        END AS value
    FROM tracker.issues AS issues
    CROSS JOIN (VALUES ('status'), ('priority'), ('type')) AS fields (field)
    LEFT JOIN first_values ON first_values.issue_id = issues.issue_id AND first_values.field = fields.field
),
resolved AS (
    SELECT issues.issue_id, 'status' AS field, issues.resolved_at AS moment, issues.status AS value
    FROM tracker.issues AS issues
    ANTI JOIN (SELECT issue_id FROM first_values WHERE field = 'status') AS changed
        ON changed.issue_id = issues.issue_id
    WHERE issues.status_category = 'done' AND issues.resolved_at > issues.created_at
),
settled AS (
    SELECT issue_id, field, moment, value
    FROM (
        SELECT issue_id, field, moment, value, 0 AS place FROM initial
        UNION ALL
        SELECT issue_id, field, moment, value, 1 FROM resolved
        UNION ALL
        SELECT issue_id, field, moment, new, place FROM changes
    )
    -- Of several changes of one field at one instant the last one counts.
    QUALIFY row_number() OVER (PARTITION BY issue_id, field, moment ORDER BY place DESC) = 1
),
instants AS (
    SELECT DISTINCT issue_id, moment FROM settled
),
states AS (
    SELECT
        instants.issue_id,
        instants.moment,
        status.value AS status,
        priority.value AS priority,
        type.value AS type
    FROM instants
    ASOF JOIN (SELECT * FROM settled WHERE field = 'status') AS status
        ON status.issue_id = instants.issue_id AND instants.moment >= status.moment
    ASOF JOIN (SELECT * FROM settled WHERE field = 'priority') AS priority
        ON priority.issue_id = instants.issue_id AND instants.moment >= priority.moment
    ASOF JOIN (SELECT * FROM settled WHERE field = 'type') AS type
        ON type.issue_id = instants.issue_id AND instants.moment >= type.moment
),
seen AS (
    SELECT
        states.issue_id,
        states.moment,
        CASE
            WHEN categories.status_category IS NOT NULL THEN categories.status_category
            WHEN states.status IN ('in_progress', 'done') THEN states.status
            ELSE 'to_do'
        END AS status_category,
        states.priority,
        states.type
    FROM states
    LEFT JOIN categories ON categories.status = states.status
),
-- An interval begins where something that is shown changes; a move within one category is no such change.
starts AS (
    SELECT *
    FROM seen
    QUALIFY (status_category, priority, type)
        IS DISTINCT FROM lag((status_category, priority, type)) OVER (PARTITION BY issue_id ORDER BY moment)
)
SELECT
    starts.issue_id,
    issues.team,
    starts.type,
    starts.moment AS valid_from,
    lead(starts.moment) OVER (PARTITION BY starts.issue_id ORDER BY starts.moment) AS valid_to,
    starts.status_category,
    starts.priority
FROM starts
JOIN tracker.issues AS issues USING (issue_id)
WHERE NOT issues.is_deleted
ORDER BY starts.issue_id, starts.moment
