-- A conversation is a ticket. An agent's reply is a comment by an admin.
WITH replies AS (
    SELECT conversation_id, count(*) AS agent_replies
    FROM intercom.conversation_parts
    WHERE NOT _deleted AND part_type = 'comment' AND author_type = 'admin'
    GROUP BY conversation_id
)
SELECT
    conversations.conversation_id AS ticket_id,
    conversations.account_id,
    teams.name AS team,
    conversations.channel,
    conversations.created_at,
    conversations.first_reply_at,
    CASE WHEN conversations.state = 'closed' THEN conversations.last_close_at END AS solved_at,
    CASE conversations.state WHEN 'snoozed' THEN 'pending' WHEN 'closed' THEN 'solved' ELSE 'open' END AS status,
    CASE conversations.priority WHEN 'priority' THEN 'high' ELSE 'normal' END AS priority,
    coalesce(conversations.reopens, 0) AS reopens,
    coalesce(replies.agent_replies, 0) AS agent_replies,
    conversations.updated_at,
    coalesce(list_contains(json_extract_string(conversations.tags, '$[*].name'), 'spam'), FALSE) AS is_spam,
    conversations._deleted AS is_deleted
FROM intercom.conversations AS conversations
LEFT JOIN intercom.teams AS teams ON teams.team_id = conversations.team_id
LEFT JOIN replies USING (conversation_id)
