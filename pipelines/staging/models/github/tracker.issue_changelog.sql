-- Events fold into changes: a label is on from where it was set until it was taken off; the status is the label that
-- was set last, or that the issue is closed. What an issue was labelled with when it was opened is no change. All that
-- happens within the second that the vendor's clock shows is one change.
WITH events AS (
    SELECT
        events.repository,
        events.number,
        greatest(events.created_at, issues.created_at) AS moment,
        CAST(events.event_id AS HUGEINT) AS position,
        events.event,
        lower(events.label) AS label,
        events.assignee_id,
        events.state_reason,
        issues.created_at
    FROM github.events AS events
    JOIN github.issues AS issues ON issues.repository = events.repository AND issues.number = events.number
    WHERE NOT events._deleted
),
labelled AS (
    SELECT
        *,
        CASE
            WHEN regexp_matches(label, '^priority\s*[:/]') THEN 'priority'
            WHEN regexp_matches(label, '^status\s*[:/]') THEN 'status'
            WHEN regexp_matches(label, '^points\s*[:/]') THEN 'story points'
        END AS field,
        regexp_extract(label, '^\w+\s*[:/]\s*(.+)$', 1) AS value
    FROM events
    WHERE event IN ('labeled', 'unlabeled')
),
-- A label's life: from an event that set it to the next event about it.
lives AS (
    SELECT
        repository,
        number,
        field,
        value,
        event,
        position,
        moment AS set_at,
        lead(moment) OVER (PARTITION BY repository, number, label ORDER BY moment, position) AS gone_at
    FROM labelled
    WHERE field IS NOT NULL
),
label_moments AS (
    SELECT repository, number, field, moment, max(position) AS position
    FROM labelled
    WHERE field IS NOT NULL
    GROUP BY repository, number, field, moment
),
label_values AS (
    SELECT
        moments.repository,
        moments.number,
        moments.field,
        moments.moment,
        moments.position,
        arg_max(lives.value, (lives.set_at, lives.position)) AS value
    FROM label_moments AS moments
    LEFT JOIN lives
        ON lives.repository = moments.repository
        AND lives.number = moments.number
        AND lives.field = moments.field
        AND lives.event = 'labeled'
        AND lives.set_at <= moments.moment
        AND (lives.gone_at IS NULL OR lives.gone_at > moments.moment)
    GROUP BY ALL
),
doors AS (
    SELECT
        repository,
        number,
        moment,
        max(position) AS position,
        arg_max(
            CASE WHEN event = 'closed' THEN if(state_reason = 'not_planned', 'not planned', 'closed') ELSE '' END,
            position
        ) AS door
    FROM events
    WHERE event IN ('closed', 'reopened')
    GROUP BY repository, number, moment
),
-- The status moves with its labels and with the door; moment each such moment both are what they last were.
status_moments AS (
    SELECT repository, number, moment, max(position) AS position
    FROM (
        SELECT repository, number, moment, position FROM doors
        UNION ALL
        SELECT repository, number, moment, position FROM label_values WHERE field = 'status'
    )
    GROUP BY repository, number, moment
),
statuses AS (
    SELECT
        moments.repository,
        moments.number,
        'status' AS field,
        moments.moment,
        moments.position,
        coalesce(nullif(doors.door, ''), labels.value, 'open') AS value
    FROM status_moments AS moments
    ASOF LEFT JOIN doors
        ON doors.repository = moments.repository AND doors.number = moments.number AND moments.moment >= doors.moment
    ASOF LEFT JOIN (SELECT * FROM label_values WHERE field = 'status') AS labels
        ON labels.repository = moments.repository AND labels.number = moments.number AND moments.moment >= labels.moment
),
assignees AS (
    SELECT
        repository,
        number,
        'assignee' AS field,
        moment,
        max(position) AS position,
        arg_max(CASE WHEN event = 'assigned' THEN assignee_id END, position) AS value,
        arg_max(event, position) AS event
    FROM events
    WHERE event IN ('assigned', 'unassigned')
    GROUP BY repository, number, moment
),
found AS (
    SELECT repository, number, field, moment, position, value FROM label_values WHERE field <> 'status'
    UNION ALL
    SELECT repository, number, field, moment, position, value FROM statuses
    UNION ALL
    SELECT repository, number, field, moment, position, if(event = 'assigned', value, NULL) FROM assignees
),
followed AS (
    SELECT
        found.*,
        coalesce(
            lag(found.value) OVER (PARTITION BY found.repository, found.number, found.field ORDER BY found.moment),
            if(found.field = 'status', 'open', NULL)
        ) AS old
    FROM found
)
SELECT
    followed.repository || '#' || followed.number AS issue_id,
    CAST(followed.position AS VARCHAR) AS change_id,
    followed.field,
    followed.moment AS changed_at,
    followed.old,
    followed.value AS new
FROM followed
JOIN github.issues AS issues ON issues.repository = followed.repository AND issues.number = followed.number
WHERE followed.value IS DISTINCT FROM followed.old AND followed.moment > issues.created_at
