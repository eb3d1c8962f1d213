WITH replies AS (
    SELECT conversation_id, count(*) AS agent_replies
    FROM intercom.conversation_parts
    WHERE NOT _deleted AND part_type = 'comment' AND author_type = 'admin'
    GROUP BY conversation_id
)
SELECT
    conversations.conversation_id AS ticket_id,
    conversations.first_reply_seconds,
    CASE WHEN conversations.state = 'closed' THEN conversations.last_close_seconds END AS full_resolution_seconds,
    coalesce(replies.agent_replies, 0) AS agent_replies
FROM intercom.conversations AS conversations
LEFT JOIN replies USING (conversation_id)
WHERE NOT conversations._deleted
