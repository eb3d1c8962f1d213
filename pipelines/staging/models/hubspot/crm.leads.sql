-- A contact is a lead. It is converted when it becomes a customer; then its company is the account, and its deal (of
-- several the first by id) what it became.
WITH links AS (
    SELECT
        from_id,
        min(to_id) FILTER (target = 'deals') AS deal_id,
        arg_min(to_id, (type LIKE '%unlabel%', to_id)) FILTER (target = 'companies') AS company_id
    FROM hubspot.contact_links
    WHERE NOT _deleted
    GROUP BY from_id
)
SELECT
    contacts.contact_id AS lead_id,
    contacts.lead_source AS source,
    contacts.created_at,
    contacts.mql_at,
    contacts.sql_at,
    contacts.customer_at AS converted_at,
    CASE WHEN contacts.customer_at IS NOT NULL THEN links.company_id END AS account_id,
    CASE WHEN contacts.customer_at IS NOT NULL THEN links.deal_id END AS opportunity_id,
    coalesce(contacts.is_test, FALSE) AS is_test,
    contacts.is_archived OR contacts._deleted AS is_deleted
FROM hubspot.contacts AS contacts
LEFT JOIN links ON links.from_id = contacts.contact_id
