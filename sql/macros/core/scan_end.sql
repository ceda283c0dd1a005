-- core.scan_end(start_ts, end_ts, bar_interval, tz, labels_to): no bar from this instant on can belong to the range.
--
-- A bucket lies wholly in its range, so this is the end itself; the sessions of a date reach past it. The buckets that
-- a chunk of a range labels before labels_to reach past that by less than twice their width (a month is longer than the
-- 30 days it counts as). It is always after core.scan_start: a range that is empty by mistake must reach the check that
-- names the mistake.
-- NULLs: the year 2200 for an open end.
-- Example: SELECT core.scan_end(NULL, DATE '2023-01-31', '1d', 'America/New_York', NULL);

CREATE OR REPLACE MACRO core.scan_end(start_ts, end_ts, bar_interval, tz, labels_to) AS (
    coalesce(
        make_timestamptz(coalesce(
            epoch_us(labels_to::TIMESTAMPTZ) + 2 * greatest(epoch_us(core.read_interval(bar_interval)), 1000000),
            greatest(
                epoch_us(core.instant(end_ts, tz)) + 259200000000 * core.is_date(end_ts)::BIGINT,
                CASE WHEN end_ts::VARCHAR IS NOT NULL THEN epoch_us(core.instant(start_ts, tz)) + 1 END
            )
        )),
        TIMESTAMPTZ '2200-01-01 00:00:00+00'
    )
);
