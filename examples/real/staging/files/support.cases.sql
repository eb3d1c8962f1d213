-- A case is taken when somebody takes it in charge, and resolved by its last resolution; each earlier one was reopened.
SELECT
    case_id,
    min(occurred_at) AS started_at,
    max(occurred_at) AS ended_at,
    min(occurred_at) FILTER (activity = 'Take in charge ticket') AS taken_at,
    max(occurred_at) FILTER (activity = 'Resolve ticket') AS resolved_at,
    epoch_ms(max(occurred_at)) - epoch_ms(min(occurred_at)) AS throughput_ms,
    count(*) AS events,
    count(*) FILTER (activity = 'Wait') AS waits,
    count(*) FILTER (activity = 'Take in charge ticket') AS takes,
    greatest(count(*) FILTER (activity = 'Resolve ticket') - 1, 0) AS reopens
FROM files.helpdesk
WHERE NOT _deleted
GROUP BY case_id
