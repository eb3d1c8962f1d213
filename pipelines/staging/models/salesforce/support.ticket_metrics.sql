-- Calendar time.
SELECT
    case_id AS ticket_id,
    date_diff('second', created_at, first_reply_at) AS first_reply_seconds,
    CASE WHEN is_closed THEN date_diff('second', created_at, closed_at) END AS full_resolution_seconds,
    coalesce(agent_replies, 0) AS agent_replies
FROM salesforce.cases
WHERE NOT (is_deleted OR _deleted)
