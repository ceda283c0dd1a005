-- core.is_in_range(ts_event, session_date, start_ts, tz): whether a bucket is at or after the start of a range.
--
-- A date takes the sessions from it on, whenever they open; an instant takes the buckets labelled from it on.
-- NULLs: true for an open start.
-- Example: SELECT core.is_in_range(now(), DATE '2023-01-03', DATE '2023-01-03', 'America/New_York');

CREATE OR REPLACE MACRO core.is_in_range(ts_event, session_date, start_ts, tz) AS (
    CASE
        WHEN core.instant(start_ts, tz) IS NULL THEN true
        WHEN core.is_date(start_ts) THEN session_date >= timezone(tz, core.instant(start_ts, tz))::DATE
        ELSE ts_event >= core.instant(start_ts, tz)
    END
);
