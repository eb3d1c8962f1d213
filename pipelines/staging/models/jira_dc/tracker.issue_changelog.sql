-- A change may hold several items of one field; the last item is the field's value after the change.
SELECT
    changelog.issue_id,
    changelog.change_id,
    CASE lower(changelog.field) WHEN 'issuetype' THEN 'type' ELSE lower(changelog.field) END AS field,
    changelog.changed_at,
    CASE
        WHEN lower(changelog.field) = 'assignee' THEN changelog.from_id
        WHEN lower(changelog.field) IN ('priority', 'issuetype') THEN lower(changelog.from_text)
        ELSE nullif(changelog.from_text, '')
    END AS old,
    CASE
        WHEN lower(changelog.field) = 'assignee' THEN changelog.to_id
        WHEN lower(changelog.field) IN ('priority', 'issuetype') THEN lower(changelog.to_text)
        ELSE nullif(changelog.to_text, '')
    END AS new
FROM jira_dc.changelog AS changelog
WHERE NOT changelog._deleted
QUALIFY row_number() OVER (
    PARTITION BY changelog.issue_id, changelog.change_id, lower(changelog.field) ORDER BY changelog.item DESC
) = 1
