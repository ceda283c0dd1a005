-- Calendars in use, and the default one, that have no sessions yet or none after $horizon: calendar, last session.
SELECT
    wanted.calendar,
    max(sessions.session_date) AS last_session
FROM (
    SELECT calendar FROM core.ticker_list
    UNION
    SELECT 'XNYS'
) AS wanted
LEFT JOIN core.sessions AS sessions USING (calendar)
GROUP BY wanted.calendar
HAVING max(sessions.session_date) IS NULL OR max(sessions.session_date) < $horizon
ORDER BY wanted.calendar
