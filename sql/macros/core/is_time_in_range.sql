-- core.is_time_in_range(ts_us, start_ts, end_ts, tz): whether a time is within the bounds that are instants.
--
-- The start is inclusive, the end exclusive; ts_us is in microseconds since the epoch. core.is_day_in_range looks at
-- the bounds that are dates.
-- NULLs: true for an open bound.
-- Example: SELECT core.is_time_in_range(epoch_us(now()), TIMESTAMP '2023-01-03 09:30', NULL, 'America/New_York');

CREATE OR REPLACE MACRO core.is_time_in_range(ts_us, start_ts, end_ts, tz) AS (
    (core.is_date(start_ts) OR ts_us >= coalesce(epoch_us(core.instant(start_ts, tz)), ts_us))
    AND (core.is_date(end_ts) OR ts_us < coalesce(epoch_us(core.instant(end_ts, tz)), ts_us + 1))
);
