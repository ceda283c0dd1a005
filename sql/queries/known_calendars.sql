-- The calendars that have sessions.
SELECT DISTINCT calendar
FROM core.sessions
