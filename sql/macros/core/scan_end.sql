-- core.scan_end(start_ts, end_ts, bar_interval, tz): no bar at or after this instant can belong to the range.
--
-- A bucket belongs to a range by its label and is computed from all its bars, so the scan goes on for twice a bucket's
-- width (a month is longer than the 30 days it counts as, and a session reaches past its date). It is always after
-- core.scan_start: a range that is empty by mistake must reach the check that names the mistake.
-- NULLs: the year 2200 for an open end.
-- Example: SELECT core.scan_end(NULL, DATE '2023-01-31', '1d', 'America/New_York');

CREATE OR REPLACE MACRO core.scan_end(start_ts, end_ts, bar_interval, tz) AS (
    coalesce(
        make_timestamptz(
            epoch_us(core.instant(end_ts, tz))
            + 259200000000 * core.is_date(end_ts)::BIGINT
            + greatest(epoch_us(core.instant(start_ts, tz)) - epoch_us(core.instant(end_ts, tz)), 0)
            + 2 * greatest(epoch_us(core.read_interval(bar_interval)), 1000000)
        ),
        TIMESTAMPTZ '2200-01-01 00:00:00+00'
    )
);
