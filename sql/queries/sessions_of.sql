-- sessions_of: the keys of all sessions of the calendars in the list $calendars.
SELECT calendar, session_date FROM core.sessions WHERE list_contains($calendars, calendar) ORDER BY ALL;
