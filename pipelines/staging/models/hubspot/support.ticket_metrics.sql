-- Calendar time.
SELECT
    tickets.ticket_id,
    CAST(floor(tickets.first_reply_millis / 1000) AS BIGINT) AS first_reply_seconds,
    CASE WHEN stages.is_closed THEN date_diff('second', tickets.created_at, tickets.closed_at) END
        AS full_resolution_seconds,
    coalesce(tickets.agent_replies, 0) AS agent_replies
FROM hubspot.tickets AS tickets
LEFT JOIN hubspot.ticket_stages AS stages
    ON stages.pipeline_id = tickets.pipeline_id AND stages.stage_id = tickets.stage_id
WHERE NOT (tickets.is_archived OR tickets._deleted)
