-- The export has no worklogs; the changelog has the seconds spent on an issue before and after each of them.
SELECT
    tracker || ':' || key || ':' || history_id || ':' || item AS worklog_id,
    tracker || ':' || key AS issue_id,
    (coalesce(try_cast(to_id AS BIGINT), 0) - coalesce(try_cast(from_id AS BIGINT), 0)) / 3600.0 AS hours,
    CAST(created AS DATE) AS logged_on
FROM files.changelog
WHERE NOT _deleted AND lower(field) = 'timespent'
