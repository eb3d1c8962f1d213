-- Calendar time. The vendor counts whole minutes until a ticket is solved; the two instants know the seconds.
SELECT
    ticket_id,
    coalesce(first_reply_seconds, first_reply_minutes * 60) AS first_reply_seconds,
    CASE
        WHEN status IN ('solved', 'closed')
            THEN coalesce(date_diff('second', created_at, solved_at), full_resolution_minutes * 60)
    END AS full_resolution_seconds,
    coalesce(replies, 0) AS agent_replies
FROM zendesk.tickets
WHERE NOT (status = 'deleted' OR _deleted)
