SELECT
    opportunity_id,
    account_id,
    CASE type
        WHEN 'Upsell' THEN 'upsell'
        WHEN 'Cross-Sell' THEN 'cross_sell'
        WHEN 'Renewal' THEN 'renewal'
        ELSE 'new'
    END AS type,
    stage,
    amount,
    acv,
    coalesce(currency, 'USD') AS currency,
    is_closed,
    is_won,
    created_at,
    close_date,
    competitor,
    owner_id,
    updated_at,
    is_deleted OR _deleted AS is_deleted
FROM salesforce.opportunities
