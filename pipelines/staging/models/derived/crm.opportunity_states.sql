-- The field history folded into intervals [valid_from, valid_to): the pipeline as it stood at any instant.
-- Stage and amount come from history; today's value is only used where nothing ever changed. An opportunity that is
-- closed without any change of stage was open until its close date: from then on it is what it is today.
WITH stages AS (
    -- The CRM's own list first: a stage that no opportunity is in today is still open, closed or won.
    SELECT
        coalesce(listed.stage, present.stage) AS stage,
        coalesce(listed.is_closed, present.is_closed) AS is_closed,
        coalesce(listed.is_won, present.is_won) AS is_won
    FROM crm.stages AS listed
    FULL OUTER JOIN (
        SELECT stage, bool_or(is_closed) AS is_closed, bool_or(is_won) AS is_won FROM crm.opportunities GROUP BY stage
    ) AS present ON present.stage = listed.stage
),
changes AS (
    SELECT
        history.opportunity_id,
        history.field,
        history.changed_at,
        -- What is dated before the creation holds from it on, the latest such change first of all.
        greatest(history.changed_at, opportunities.created_at) AS moment,
        history.old,
        history.new
    FROM crm.opportunity_history AS history
    JOIN crm.opportunities AS opportunities USING (opportunity_id)
    WHERE history.field IN ('stage', 'amount')
),
first_values AS (
    SELECT opportunity_id, field, first(old ORDER BY changed_at) AS value
    FROM changes
    GROUP BY opportunity_id, field
),
closed AS (
    SELECT opportunities.opportunity_id, 'stage' AS field, day_start(opportunities.close_date) AS moment,
        opportunities.stage AS value
    FROM crm.opportunities AS opportunities
    ANTI JOIN (SELECT opportunity_id FROM first_values WHERE field = 'stage') AS changed
        ON changed.opportunity_id = opportunities.opportunity_id
    WHERE opportunities.is_closed AND day_start(opportunities.close_date) > opportunities.created_at
),
initial AS (
    SELECT opportunities.opportunity_id, fields.field, opportunities.created_at AS moment,
        CASE
            WHEN first_values.field IS NOT NULL THEN first_values.value
            WHEN closed.field IS NOT NULL THEN 'open'
            WHEN fields.field = 'stage' THEN opportunities.stage
            ELSE CAST(opportunities.amount AS VARCHAR)
        END AS value,
        NULL AS changed_at
    FROM crm.opportunities AS opportunities
    CROSS JOIN (VALUES ('stage'), ('amount')) AS fields (field)
    LEFT JOIN first_values
        ON first_values.opportunity_id = opportunities.opportunity_id AND first_values.field = fields.field
    LEFT JOIN closed
        ON closed.opportunity_id = opportunities.opportunity_id AND closed.field = fields.field
),
settled AS (
    SELECT opportunity_id, field, moment, value
    FROM (
        SELECT opportunity_id, field, moment, value, changed_at FROM initial
        UNION ALL
        SELECT opportunity_id, field, moment, value, NULL FROM closed
        UNION ALL
        SELECT opportunity_id, field, moment, new, changed_at FROM changes
    )
    QUALIFY row_number() OVER (PARTITION BY opportunity_id, field, moment ORDER BY changed_at DESC NULLS LAST) = 1
),
instants AS (
    SELECT DISTINCT opportunity_id, moment FROM settled
),
states AS (
    SELECT instants.opportunity_id, instants.moment, stage.value AS stage, amount.value AS amount
    FROM instants
    ASOF JOIN (SELECT * FROM settled WHERE field = 'stage') AS stage
        ON stage.opportunity_id = instants.opportunity_id AND instants.moment >= stage.moment
    ASOF JOIN (SELECT * FROM settled WHERE field = 'amount') AS amount
        ON amount.opportunity_id = instants.opportunity_id AND instants.moment >= amount.moment
)
SELECT
    states.opportunity_id,
    opportunities.account_id,
    opportunities.type,
    states.moment AS valid_from,
    lead(states.moment) OVER (PARTITION BY states.opportunity_id ORDER BY states.moment) AS valid_to,
    states.stage,
    CAST(states.amount AS DECIMAL(28, 6)) AS amount,
    coalesce(stages.is_closed, FALSE) AS is_closed,
    coalesce(stages.is_won, FALSE) AS is_won
FROM states
JOIN crm.opportunities AS opportunities USING (opportunity_id)
LEFT JOIN stages ON stages.stage = states.stage
WHERE NOT opportunities.is_deleted
ORDER BY states.opportunity_id, states.moment
