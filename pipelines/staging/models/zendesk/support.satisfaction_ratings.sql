-- A rating exists from the moment it is offered; it is given when its score turns good or bad. A rating of a deleted
-- ticket does not count, as the ticket does not.
SELECT
    ratings.rating_id,
    ratings.ticket_id,
    organizations.external_id AS account_id,
    CASE WHEN ratings.score LIKE 'good%' THEN 'good' ELSE 'bad' END AS score,
    ratings.updated_at AS rated_at
FROM zendesk.satisfaction_ratings AS ratings
LEFT JOIN zendesk.tickets AS tickets ON tickets.ticket_id = ratings.ticket_id
LEFT JOIN zendesk.organizations AS organizations ON organizations.organization_id = tickets.organization_id
WHERE
    NOT ratings._deleted
    AND (ratings.score LIKE 'good%' OR ratings.score LIKE 'bad%')
    AND coalesce(tickets.status <> 'deleted' AND NOT tickets._deleted, TRUE)
