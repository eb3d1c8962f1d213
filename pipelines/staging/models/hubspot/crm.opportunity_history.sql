-- The vendor keeps the values that a property has had; a change is a value that follows another one. What a deal was
-- born with is no change: the values of its first instant, and its first stage whenever that came. A property that is
-- filled later changes from nothing. Of several values at one instant the last one counts.
WITH labels AS (
    SELECT stage_id, min(label) AS label FROM hubspot.deal_stages GROUP BY stage_id
),
held AS (
    SELECT
        history.deal_id,
        CASE history.property WHEN 'dealstage' THEN 'stage' WHEN 'amount' THEN 'amount' ELSE 'close_date' END AS field,
        history.changed_at,
        CASE history.property
            WHEN 'dealstage' THEN coalesce(labels.label, history.value)
            WHEN 'amount' THEN CAST(TRY_CAST(nullif(history.value, '') AS DECIMAL(28, 2)) AS VARCHAR)
            ELSE left(nullif(history.value, ''), 10)
        END AS value
    FROM hubspot.deal_history AS history
    LEFT JOIN labels ON history.property = 'dealstage' AND labels.stage_id = history.value
    WHERE NOT history._deleted AND history.property IN ('dealstage', 'amount', 'closedate')
    QUALIFY row_number() OVER (
        PARTITION BY history.deal_id, history.property, history.changed_at ORDER BY history.item DESC
    ) = 1
),
born AS (
    SELECT deal_id, min(changed_at) AS born_at FROM held GROUP BY deal_id
),
followed AS (
    SELECT
        held.deal_id,
        held.field,
        held.changed_at,
        held.value,
        lag(held.value) OVER earlier AS old,
        row_number() OVER earlier = 1 AND (held.field = 'stage' OR held.changed_at = born.born_at) AS is_first
    FROM held
    JOIN born USING (deal_id)
    WINDOW earlier AS (PARTITION BY held.deal_id, held.field ORDER BY held.changed_at)
)
SELECT deal_id AS opportunity_id, changed_at, field, old, value AS new
FROM followed
WHERE NOT is_first AND value IS DISTINCT FROM old
