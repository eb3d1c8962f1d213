SELECT
    name AS status,
    CASE
        WHEN name IN ('resolved', 'done-cbb') THEN 'done'
        WHEN name IN ('in-progress', 'testing', 'chatting') THEN 'in_progress'
        ELSE 'to_do'
    END AS status_category
FROM roundup.statuses
WHERE NOT _deleted
