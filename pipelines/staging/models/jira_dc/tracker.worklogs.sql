SELECT worklog_id, issue_id, seconds / 3600.0 AS hours, CAST(started_at AS DATE) AS logged_on
FROM jira_dc.worklogs
WHERE NOT _deleted
