-- Of the companies of a deal the primary one counts, which the vendor links a second time under a type of its own.
WITH companies AS (
    SELECT deal_id, arg_min(company_id, (type LIKE '%unlabel%', company_id)) AS company_id
    FROM hubspot.deal_companies
    WHERE NOT _deleted
    GROUP BY deal_id
),
-- A stage that was taken out of its pipeline still names the deals that ended in it.
stages AS (
    SELECT pipeline_id, stage_id, label, is_closed, is_closed AND probability >= 1 AS is_won FROM hubspot.deal_stages
)
SELECT
    deals.deal_id AS opportunity_id,
    companies.company_id AS account_id,
    CASE deals.type
        WHEN 'existingbusiness' THEN 'upsell'
        WHEN 'upsell' THEN 'upsell'
        WHEN 'cross_sell' THEN 'cross_sell'
        WHEN 'renewal' THEN 'renewal'
        ELSE 'new'
    END AS type,
    coalesce(stages.label, deals.stage_id) AS stage,
    deals.amount,
    deals.acv,
    coalesce(deals.currency, 'USD') AS currency,
    coalesce(deals.is_closed, stages.is_closed, FALSE) AS is_closed,
    coalesce(deals.is_won, stages.is_won, FALSE) AS is_won,
    deals.created_at,
    CAST(deals.close_at AS DATE) AS close_date,
    deals.competitor,
    deals.owner_id,
    coalesce(deals.updated_at, deals.created_at) AS updated_at,
    deals.is_archived OR deals._deleted AS is_deleted
FROM hubspot.deals AS deals
LEFT JOIN companies USING (deal_id)
LEFT JOIN stages ON stages.pipeline_id = deals.pipeline_id AND stages.stage_id = deals.stage_id
