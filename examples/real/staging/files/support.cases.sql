SELECT
    case_id,
    min(occurred_at) AS started_at,
    max(occurred_at) AS ended_at,
    epoch_ms(max(occurred_at)) - epoch_ms(min(occurred_at)) AS throughput_ms,
    count(*) AS events,
    count(*) FILTER (activity = 'Wait') AS waits
FROM files.helpdesk
WHERE NOT _deleted
GROUP BY case_id
