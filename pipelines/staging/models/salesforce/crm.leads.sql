SELECT
    lead_id,
    source,
    created_at,
    mql_at,
    sql_at,
    converted_at,
    converted_account_id AS account_id,
    converted_opportunity_id AS opportunity_id,
    coalesce(is_test, FALSE) AS is_test,
    is_deleted OR _deleted AS is_deleted
FROM salesforce.leads
