SELECT label AS stage, bool_or(is_closed) AS is_closed, bool_or(is_won) AS is_won
FROM salesforce.opportunity_stages
WHERE NOT _deleted
GROUP BY label
