-- The export names statuses without their categories: what its trackers call done and in progress, by the words.
WITH words AS (
    SELECT status FROM files.issues WHERE NOT _deleted
    UNION
    SELECT unnest([from_string, to_string]) FROM files.changelog WHERE NOT _deleted AND field = 'status'
)
SELECT
    status,
    CASE
        WHEN lower(status) IN ('closed', 'resolved', 'done', 'complete', 'completed', 'verified') THEN 'done'
        WHEN lower(status) IN ('in progress', 'in review', 'in testing', 'patch available', 'started', 'testing')
            THEN 'in_progress'
        ELSE 'to_do'
    END AS status_category
FROM words
WHERE status IS NOT NULL
