-- A party is an account; its region is that of its first address. A party that was deactivated stays one.
WITH countries AS (
    SELECT party_id, arg_min(country, (coalesce(position, 0), address_id)) AS country
    FROM tryton.addresses
    WHERE NOT _deleted AND is_active AND country IS NOT NULL
    GROUP BY party_id
)
SELECT
    parties.party_id AS account_id,
    coalesce(parties.name, parties.code, parties.party_id) AS name,
    'pro' AS tier,
    CASE
        WHEN countries.country IN ('US', 'CA') THEN 'na'
        WHEN countries.country IN ('BR', 'MX', 'AR', 'CL', 'CO', 'PE') THEN 'latam'
        WHEN countries.country IN ('AU', 'NZ', 'JP', 'KR', 'SG', 'IN', 'CN') THEN 'apac'
        WHEN countries.country IS NOT NULL THEN 'emea'
    END AS region,
    CAST(NULL AS VARCHAR) AS industry,
    parties.created_at,
    FALSE AS is_test,
    parties._deleted AS is_deleted
FROM tryton.parties AS parties
LEFT JOIN countries USING (party_id)
