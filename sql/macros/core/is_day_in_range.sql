-- core.is_day_in_range(day, start_ts, end_ts, tz): whether a session's date is within the bounds that are dates.
--
-- Both dates are inclusive. core.is_time_in_range looks at the bounds that are instants.
-- NULLs: true for an open bound.
-- Example: SELECT core.is_day_in_range(DATE '2023-01-03', DATE '2023-01-03', NULL, 'America/New_York');

CREATE OR REPLACE MACRO core.is_day_in_range(day, start_ts, end_ts, tz) AS (
    (NOT core.is_date(start_ts) OR day >= timezone(tz, core.instant(start_ts, tz))::DATE)
    AND (NOT core.is_date(end_ts) OR day <= timezone(tz, core.instant(end_ts, tz))::DATE)
);
