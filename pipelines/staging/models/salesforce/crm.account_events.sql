SELECT DISTINCT account_id, event, occurred_at
FROM salesforce.account_events
WHERE NOT (is_deleted OR _deleted) AND account_id IS NOT NULL AND occurred_at IS NOT NULL
