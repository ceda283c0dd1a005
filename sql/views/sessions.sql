-- sessions: the trading sessions of every calendar in use.
--
-- Grain: one row per calendar and session, from 1990 (or the calendar's first known session) to the end of next year.
-- Inputs: core.sessions, core.calendars.
-- NULLs: the break's columns where a session has none.
-- Columns:
--   calendar: Calendar, named as in exchange_calendars (XNYS, CMES, 24/7) or in the configuration
--   session_date: Label of the session
--   open_ts: Open, UTC
--   close_ts: Close, UTC
--   break_start_ts: Start of the break within the session, UTC
--   break_end_ts: End of the break, UTC
--   is_half_day: Whether the session closes earlier than usual
--   is_extrapolated: Whether the calendar does not list the year yet: the usual hours on the usual weekdays
--   timezone: Time zone of the calendar
-- Example: FROM sessions WHERE calendar = 'XNYS' AND is_half_day ORDER BY session_date;

CREATE OR REPLACE VIEW sessions AS
SELECT
    s.calendar::VARCHAR AS calendar,
    s.session_date::DATE AS session_date,
    s.open_ts::TIMESTAMPTZ AS open_ts,
    s.close_ts::TIMESTAMPTZ AS close_ts,
    s.break_start_ts::TIMESTAMPTZ AS break_start_ts,
    s.break_end_ts::TIMESTAMPTZ AS break_end_ts,
    s.is_half_day::BOOLEAN AS is_half_day,
    coalesce(s.is_extrapolated, FALSE)::BOOLEAN AS is_extrapolated,
    c.timezone::VARCHAR AS timezone
FROM core.sessions AS s
JOIN core.calendars AS c USING (calendar);
