-- A change may hold several items of one field; the last item is the field's value after the change.
SELECT
    tracker || ':' || key AS issue_id,
    history_id AS change_id,
    CASE lower(field) WHEN 'issuetype' THEN 'type' ELSE lower(field) END AS field,
    created AS changed_at,
    nullif(from_string, '') AS old,
    nullif(to_string, '') AS new
FROM files.changelog
WHERE NOT _deleted
QUALIFY row_number() OVER (PARTITION BY tracker, key, history_id, lower(field) ORDER BY item DESC) = 1
