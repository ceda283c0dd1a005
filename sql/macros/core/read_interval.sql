-- core.read_interval(bar_interval): a duration given as INTERVAL or as text, as an INTERVAL.
--
-- Text is `30s 1min (= 1m) 5min 1h 1d 1w 1mo`, or whatever DuckDB reads and prints as an INTERVAL. Capitals are not
-- read: `1M` is a minute to some and a month to others.
-- NULLs: NULL for text that cannot be read.
-- Example: SELECT core.read_interval('5min'), core.read_interval(INTERVAL 5 MINUTE);

CREATE OR REPLACE MACRO core.read_interval(bar_interval) AS (
    TRY_CAST(regexp_replace(
        regexp_extract(bar_interval::VARCHAR, '^-?[0-9]{1,6}(:[0-9:.]+| ?[a-z]+| [a-z]+ [a-z0-9:. -]+)$'),
        '^([0-9]+)mo$', '\1 months'
    ) AS INTERVAL)
);
