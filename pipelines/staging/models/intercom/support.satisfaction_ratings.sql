-- Faces 4 and 5 are good, 1 to 3 are bad, as the vendor's own CSAT counts them.
SELECT
    conversation_id AS rating_id,
    conversation_id AS ticket_id,
    account_id,
    CASE WHEN rating >= 4 THEN 'good' ELSE 'bad' END AS score,
    rated_at
FROM intercom.conversations
WHERE NOT _deleted AND rating IS NOT NULL AND rated_at IS NOT NULL
