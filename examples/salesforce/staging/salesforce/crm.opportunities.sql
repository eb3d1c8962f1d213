-- Opportunities in one currency, for an organisation with advanced currency management: the amount is converted at the
-- rate of the close date, as the vendor's own reports do. Put your corporate currency in place of 'USD'. An amount whose
-- rate is not known is unknown, and not taken as it stands.
WITH rates AS (
    SELECT currency, rate, valid_from, valid_to FROM salesforce.dated_conversion_rates WHERE NOT _deleted
)
SELECT
    opportunities.opportunity_id,
    opportunities.account_id,
    CASE opportunities.type
        WHEN 'Upsell' THEN 'upsell'
        WHEN 'Cross-Sell' THEN 'cross_sell'
        WHEN 'Renewal' THEN 'renewal'
        ELSE 'new'
    END AS type,
    opportunities.stage,
    CASE
        WHEN opportunities.currency = 'USD' THEN opportunities.amount
        ELSE CAST(opportunities.amount / rates.rate AS DECIMAL(28, 2))
    END AS amount,
    CASE
        WHEN opportunities.currency = 'USD' THEN opportunities.acv
        ELSE CAST(opportunities.acv / rates.rate AS DECIMAL(28, 2))
    END AS acv,
    'USD' AS currency,
    opportunities.is_closed,
    opportunities.is_won,
    opportunities.created_at,
    opportunities.close_date,
    opportunities.competitor,
    opportunities.owner_id,
    opportunities.updated_at,
    opportunities.is_deleted OR opportunities._deleted AS is_deleted
FROM salesforce.opportunities AS opportunities
LEFT JOIN rates
    ON rates.currency = opportunities.currency
    AND opportunities.close_date >= rates.valid_from
    AND (rates.valid_to IS NULL OR opportunities.close_date < rates.valid_to)
