-- A ticket is solved while it is in a closed stage. Which account it is of is an association; of several the primary one
-- counts. How often it was opened again is told by the history of its stage.
WITH stages AS (
    SELECT pipeline_id, stage_id, label, coalesce(is_closed, FALSE) AS is_closed FROM hubspot.ticket_stages
),
closed AS (
    SELECT DISTINCT stage_id FROM stages WHERE is_closed
),
companies AS (
    SELECT from_id, arg_min(to_id, (type LIKE '%unlabel%', to_id)) AS company_id
    FROM hubspot.ticket_links
    WHERE NOT _deleted AND target = 'companies'
    GROUP BY from_id
),
moves AS (
    SELECT
        ticket_id,
        value,
        lag(value) OVER (PARTITION BY ticket_id ORDER BY changed_at, item) AS old
    FROM hubspot.ticket_history
    WHERE NOT _deleted AND property = 'hs_pipeline_stage'
),
opened_again AS (
    SELECT ticket_id, count(*) AS reopens
    FROM moves
    WHERE old IN (SELECT stage_id FROM closed) AND value NOT IN (SELECT stage_id FROM closed)
    GROUP BY ticket_id
)
SELECT
    tickets.ticket_id,
    companies.company_id AS account_id,
    tickets.team,
    CASE lower(tickets.channel)
        WHEN 'chat' THEN 'conversation'
        WHEN 'form' THEN 'conversation'
        WHEN 'phone' THEN 'phone_call'
        ELSE lower(tickets.channel)
    END AS channel,
    tickets.created_at,
    tickets.created_at + to_milliseconds(tickets.first_reply_millis) AS first_reply_at,
    CASE WHEN stages.is_closed THEN tickets.closed_at END AS solved_at,
    CASE
        WHEN stages.is_closed THEN 'solved'
        WHEN lower(stages.label) LIKE '%wait%' OR lower(stages.label) LIKE '%hold%' THEN 'pending'
        ELSE 'open'
    END AS status,
    CASE lower(tickets.priority) WHEN 'medium' THEN 'normal' ELSE lower(tickets.priority) END AS priority,
    coalesce(opened_again.reopens, 0) AS reopens,
    coalesce(tickets.agent_replies, 0) AS agent_replies,
    coalesce(tickets.updated_at, tickets.created_at) AS updated_at,
    coalesce(tickets.is_spam, FALSE) AS is_spam,
    tickets.is_archived OR tickets._deleted AS is_deleted
FROM hubspot.tickets AS tickets
LEFT JOIN stages ON stages.pipeline_id = tickets.pipeline_id AND stages.stage_id = tickets.stage_id
LEFT JOIN companies ON companies.from_id = tickets.ticket_id
LEFT JOIN opened_again ON opened_again.ticket_id = tickets.ticket_id
