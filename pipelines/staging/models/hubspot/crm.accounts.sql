SELECT
    company_id AS account_id,
    coalesce(name, company_id) AS name,
    coalesce(lower(tier), 'free') AS tier,
    lower(region) AS region,
    industry,
    created_at,
    coalesce(is_test, FALSE) AS is_test,
    is_archived OR _deleted AS is_deleted
FROM hubspot.companies
