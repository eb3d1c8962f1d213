SELECT
    account_id,
    coalesce(name, account_id) AS name,
    coalesce(lower(tier), 'free') AS tier,
    lower(region) AS region,
    industry,
    created_at,
    coalesce(is_test, FALSE) AS is_test,
    is_deleted OR _deleted AS is_deleted
FROM salesforce.accounts
