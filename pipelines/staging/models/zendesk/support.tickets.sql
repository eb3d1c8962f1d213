-- The account is the organisation's external id: the CRM's own. An organisation that is gone still names its tickets'
-- account. Times of replies are calendar time; seconds where the vendor has them, whole minutes elsewhere.
SELECT
    tickets.ticket_id,
    organizations.external_id AS account_id,
    groups.name AS team,
    CASE
        WHEN tickets.channel IN ('chat', 'native_messaging') THEN 'conversation'
        WHEN tickets.channel = 'voice' THEN 'phone_call'
        ELSE tickets.channel
    END AS channel,
    tickets.created_at,
    tickets.created_at + to_seconds(coalesce(tickets.first_reply_seconds, tickets.first_reply_minutes * 60))
        AS first_reply_at,
    CASE WHEN tickets.status IN ('solved', 'closed') THEN tickets.solved_at END AS solved_at,
    CASE
        WHEN tickets.status IN ('pending', 'hold') THEN 'pending'
        WHEN tickets.status IN ('solved', 'closed') THEN tickets.status
        WHEN tickets.status = 'deleted' THEN 'closed'
        ELSE 'open'
    END AS status,
    tickets.priority,
    coalesce(tickets.reopens, 0) AS reopens,
    coalesce(tickets.replies, 0) AS agent_replies,
    tickets.updated_at,
    coalesce(list_contains(json_extract_string(tickets.tags, '$[*]'), 'spam'), FALSE) AS is_spam,
    tickets.status = 'deleted' OR tickets._deleted AS is_deleted
FROM zendesk.tickets AS tickets
LEFT JOIN zendesk.organizations AS organizations ON organizations.organization_id = tickets.organization_id
LEFT JOIN zendesk.groups AS groups ON groups.group_id = tickets.group_id
