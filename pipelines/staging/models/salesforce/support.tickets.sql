-- A case is a ticket. Of its replies the organisation's own fields tell; how often it was opened again, its history.
WITH closed AS (
    SELECT DISTINCT label FROM salesforce.case_statuses WHERE is_closed
),
opened_again AS (
    SELECT case_id, count(*) AS reopens
    FROM salesforce.case_history
    WHERE
        field = 'Status'
        AND NOT (is_deleted OR _deleted)
        AND old_value IN (SELECT label FROM closed)
        AND new_value NOT IN (SELECT label FROM closed)
    GROUP BY case_id
)
SELECT
    cases.case_id AS ticket_id,
    cases.account_id,
    cases.team,
    CASE lower(cases.origin)
        WHEN 'chat' THEN 'conversation'
        WHEN 'web' THEN 'conversation'
        WHEN 'phone' THEN 'phone_call'
        ELSE lower(cases.origin)
    END AS channel,
    cases.created_at,
    cases.first_reply_at,
    CASE WHEN cases.is_closed THEN cases.closed_at END AS solved_at,
    CASE
        WHEN cases.is_closed THEN 'solved'
        WHEN lower(cases.status) LIKE '%wait%' OR lower(cases.status) LIKE '%hold%' THEN 'pending'
        ELSE 'open'
    END AS status,
    CASE lower(cases.priority) WHEN 'medium' THEN 'normal' ELSE lower(cases.priority) END AS priority,
    coalesce(opened_again.reopens, 0) AS reopens,
    coalesce(cases.agent_replies, 0) AS agent_replies,
    cases.updated_at,
    coalesce(cases.is_spam, FALSE) AS is_spam,
    cases.is_deleted OR cases._deleted AS is_deleted
FROM salesforce.cases AS cases
LEFT JOIN opened_again USING (case_id)
