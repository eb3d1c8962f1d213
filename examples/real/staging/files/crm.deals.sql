-- The pipeline says GTXPro where the price list says GTX Pro: joined as they are, a third of the value is lost.
SELECT
    pipeline.opportunity_id AS deal_id,
    pipeline.account,
    coalesce(products.product, pipeline.product) AS product,
    products.series,
    products.sales_price AS list_price,
    pipeline.deal_stage AS stage,
    pipeline.engage_date,
    pipeline.close_date,
    pipeline.close_value,
    teams.regional_office,
    teams.manager
FROM files.sales_pipeline AS pipeline
LEFT JOIN files.products AS products
    ON replace(products.product, ' ', '') = replace(pipeline.product, ' ', '') AND NOT products._deleted
LEFT JOIN files.sales_teams AS teams
    ON teams.sales_agent = pipeline.sales_agent AND NOT teams._deleted
WHERE NOT pipeline._deleted
