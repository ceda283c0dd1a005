-- core.look_back(start_ts, lookback, tz): from where bars are read so that earlier ones can be carried into a range.
--
-- A date's session may begin the evening before, so it is read from a day earlier; core.is_reached then decides which
-- bars count.
-- NULLs: start_ts itself, as text, where lookback is NULL; NULL for an open start.
-- Example: SELECT core.look_back('2023-01-03 09:30', INTERVAL 1 DAY, 'America/New_York');

CREATE OR REPLACE MACRO core.look_back(start_ts, lookback, tz) AS (
    CASE
        WHEN lookback::VARCHAR IS NULL THEN start_ts::VARCHAR
        ELSE make_timestamptz(
            epoch_us(core.instant(start_ts, tz)) - core.span_us(lookback)
            - CASE WHEN core.is_date(start_ts) THEN 86400000000 ELSE 0 END
        )::VARCHAR
    END
);
