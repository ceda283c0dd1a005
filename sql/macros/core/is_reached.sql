-- core.is_reached(ts_event, session_date, start_ts, lookback, tz): whether a range or its lookback has a bucket.
--
-- The lookback of a date is counted from its midnight in tz.
-- NULLs: without a lookback only the range itself counts.
-- Example: SELECT core.is_reached(now(), DATE '2023-01-02', DATE '2023-01-03', INTERVAL 1 DAY, 'America/New_York');

CREATE OR REPLACE MACRO core.is_reached(ts_event, session_date, start_ts, lookback, tz) AS (
    core.is_in_range(ts_event, session_date, start_ts, tz)
    OR coalesce(
        epoch_us(ts_event) >= epoch_us(core.instant(start_ts, tz)) - core.span_us(lookback),
        false
    )
);
