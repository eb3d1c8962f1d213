-- Meetings and demos are events, calls are tasks. What an activity is about shows in the prefix of the id.
SELECT
    event_id AS activity_id,
    CASE WHEN what_id LIKE '006%' THEN what_id END AS opportunity_id,
    CASE WHEN who_id LIKE '00Q%' THEN who_id END AS lead_id,
    account_id,
    lower(type) AS type,
    coalesce(is_qualified, FALSE) AS is_qualified,
    created_at AS booked_at,
    CASE WHEN status = 'Held' THEN start_at END AS occurred_at,
    lower(status) AS status
FROM salesforce.events
WHERE NOT (is_deleted OR _deleted) AND type IN ('Meeting', 'Demo')
UNION ALL
SELECT
    task_id,
    CASE WHEN what_id LIKE '006%' THEN what_id END,
    CASE WHEN who_id LIKE '00Q%' THEN who_id END,
    account_id,
    'call',
    coalesce(is_qualified, FALSE),
    created_at,
    completed_at,
    CASE status WHEN 'Completed' THEN 'held' WHEN 'Deferred' THEN 'cancelled' ELSE 'planned' END
FROM salesforce.tasks
WHERE NOT (is_deleted OR _deleted) AND type = 'Call'
