-- Whom an activity was with is an association; of several of one kind the first by id counts. A meeting is a demo when
-- its activity type says so. Without an outcome it is still planned.
WITH links AS (
    SELECT
        from_id,
        min(to_id) FILTER (target = 'deals') AS deal_id,
        min(to_id) FILTER (target = 'contacts') AS contact_id,
        arg_min(to_id, (type LIKE '%unlabel%', to_id)) FILTER (target = 'companies') AS company_id
    FROM (
        SELECT * FROM hubspot.meeting_links WHERE NOT _deleted
        UNION ALL
        SELECT * FROM hubspot.call_links WHERE NOT _deleted
    )
    GROUP BY from_id
),
activities AS (
    SELECT
        meeting_id AS activity_id,
        CASE WHEN lower(type) LIKE '%demo%' THEN 'demo' ELSE 'meeting' END AS type,
        is_qualified,
        created_at,
        starts_at,
        CASE
            WHEN outcome = 'COMPLETED' THEN 'held'
            WHEN outcome IN ('CANCELED', 'NO_SHOW') THEN 'cancelled'
            ELSE 'planned'
        END AS status
    FROM hubspot.meetings
    WHERE NOT (is_archived OR _deleted)
    UNION ALL
    SELECT
        call_id,
        'call',
        is_qualified,
        created_at,
        called_at,
        CASE
            WHEN status = 'COMPLETED' THEN 'held'
            WHEN status IN ('CANCELED', 'BUSY', 'FAILED', 'NO_ANSWER', 'MISSED') THEN 'cancelled'
            ELSE 'planned'
        END
    FROM hubspot.calls
    WHERE NOT (is_archived OR _deleted)
)
SELECT
    activities.activity_id,
    links.deal_id AS opportunity_id,
    links.contact_id AS lead_id,
    links.company_id AS account_id,
    activities.type,
    coalesce(activities.is_qualified, FALSE) AS is_qualified,
    activities.created_at AS booked_at,
    CASE WHEN activities.status = 'held' THEN activities.starts_at END AS occurred_at,
    activities.status
FROM activities
LEFT JOIN links ON links.from_id = activities.activity_id
