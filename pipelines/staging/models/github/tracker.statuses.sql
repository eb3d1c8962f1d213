-- The vendor knows open and closed; the rest are labels, also those that no issue carries today.
WITH labels AS (
    SELECT lower(label.name) AS name
    FROM github.issues AS issues, UNNEST(json_extract_string(issues.labels, '$[*]')) AS label (name)
    UNION
    SELECT lower(label) FROM github.events WHERE event IN ('labeled', 'unlabeled')
),
statuses AS (
    SELECT DISTINCT regexp_extract(name, '^status\s*[:/]\s*(.+)$', 1) AS status
    FROM labels
    WHERE regexp_matches(name, '^status\s*[:/]\s*\S')
    UNION
    SELECT unnest(['open', 'closed', 'not planned'])
)
SELECT
    status,
    CASE
        WHEN status IN ('closed', 'not planned') THEN 'done'
        WHEN status IN ('open', 'backlog', 'blocked', 'ready', 'to do', 'todo', 'triage') THEN 'to_do'
        ELSE 'in_progress'
    END AS status_category
FROM statuses
