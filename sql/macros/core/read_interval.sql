-- core.read_interval(bar_interval): a duration given as INTERVAL or as text, as an INTERVAL.
--
-- Text is `30s 1min (= 1m) 5min 1h 1d 1w 1mo`, the same in words (`5 minutes`, `1 month`), several of them, or what
-- DuckDB prints for an INTERVAL (`1 day 02:00:00`). Capitals are not read: `1M` is a minute to some and a month to
-- others.
-- mtstore.intervals reads the same texts.
-- NULLs: NULL for text that cannot be read, and for negative durations.
-- Example: SELECT core.read_interval('5min'), core.read_interval(INTERVAL 5 MINUTE);

CREATE OR REPLACE MACRO core.read_interval(bar_interval) AS (
    CASE
        WHEN regexp_full_match(
            ' ' || bar_interval::VARCHAR,
            '( [0-9]{1,6} ?'
            || '(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|mo|mons?|months?|y|years?)){0,6}'
            || '( [0-9]{2,6}:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?)?'
        )
        THEN TRY_CAST(regexp_replace(bar_interval::VARCHAR, '([0-9]) ?mo\b', '\1 months', 'g') AS INTERVAL)
    END
);
