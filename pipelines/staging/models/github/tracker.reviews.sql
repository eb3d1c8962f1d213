-- A review that was begun and not handed in has no instant yet.
SELECT
    pulls.repository || '#' || pulls.number AS change_id,
    pulls.created_at AS opened_at,
    min(reviews.submitted_at) AS first_review_at
FROM github.pull_requests AS pulls
LEFT JOIN github.reviews AS reviews
    ON reviews.pull_request = pulls.repository || '|' || pulls.number AND NOT reviews._deleted
WHERE NOT pulls._deleted
GROUP BY pulls.repository, pulls.number, pulls.created_at
