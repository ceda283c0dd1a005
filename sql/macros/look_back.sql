-- core.look_back(start_ts, lookback, tz): the start of a range, moved back so that earlier bars can be carried into it.
--
-- NULLs: start_ts itself, as text, where lookback is NULL; NULL for an open start.
-- Example: SELECT core.look_back('2023-01-03 09:30', INTERVAL 1 DAY, 'America/New_York');

CREATE OR REPLACE MACRO core.look_back(start_ts, lookback, tz) AS (
    CASE
        WHEN lookback::VARCHAR IS NULL THEN start_ts::VARCHAR
        ELSE make_timestamptz(epoch_us(core.instant(start_ts, tz)) - core.span_us(lookback))::VARCHAR
    END
);
