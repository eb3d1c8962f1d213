-- A stage is won when it is closed and certain: that is how the vendor itself tells won from lost.
SELECT
    label AS stage,
    bool_or(coalesce(is_closed, FALSE)) AS is_closed,
    bool_or(coalesce(is_closed AND probability >= 1, FALSE)) AS is_won
FROM hubspot.deal_stages
WHERE NOT _deleted
GROUP BY label
