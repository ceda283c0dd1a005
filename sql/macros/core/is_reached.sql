-- core.is_reached(label_us, start_ts, lookback, tz): whether the lookback of a range has an earlier bucket.
--
-- The lookback of a date is counted from its midnight in tz.
-- NULLs: false without a lookback.
-- Example: SELECT core.is_reached(0, DATE '2023-01-03', INTERVAL 1 DAY, 'America/New_York');

CREATE OR REPLACE MACRO core.is_reached(label_us, start_ts, lookback, tz) AS (
    coalesce(label_us >= epoch_us(core.instant(start_ts, tz)) - core.span_us(lookback), false)
);
