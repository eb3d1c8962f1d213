-- A contact is a lead. A contact is converted when it becomes a customer; the deal that it became is not named by
-- the vendor, so the two links stay unknown.
SELECT
    contact_id AS lead_id,
    lead_source AS source,
    created_at,
    mql_at,
    sql_at,
    customer_at AS converted_at,
    CAST(NULL AS VARCHAR) AS account_id,
    CAST(NULL AS VARCHAR) AS opportunity_id,
    coalesce(is_test, FALSE) AS is_test,
    is_archived OR _deleted AS is_deleted
FROM hubspot.contacts
