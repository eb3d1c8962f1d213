-- What became of an account is a property of the company (option `properties` of company_history, one or several): each
-- value that it took, when it took it. Values are the neutral words, however they are spelt: "Flagged at risk" is one.
SELECT DISTINCT company_id AS account_id, event, changed_at AS occurred_at
FROM (
    SELECT company_id, changed_at, replace(lower(trim(value)), ' ', '_') AS event
    FROM hubspot.company_history
    WHERE NOT _deleted
)
WHERE event IN ('flagged_at_risk', 'risk_cleared', 'onboarded', 'first_value')
