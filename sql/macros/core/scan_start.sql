-- core.scan_start(start_ts, bar_interval, tz): no bar before this instant can belong to the range.
--
-- Exact for intraday buckets between instants; for dates, and for buckets of a day and more, early enough for the
-- session of any calendar. It chooses files and row groups; the exact bound is applied to labels and session dates.
-- NULLs: the beginning of 1970 for an open start.
-- Example: SELECT core.scan_start('2023-01-31 09:30', '5min', 'America/New_York');

CREATE OR REPLACE MACRO core.scan_start(start_ts, bar_interval, tz) AS (
    coalesce(
        make_timestamptz(
            epoch_us(core.instant(start_ts, tz))
            - 172800000000 * (core.is_date(start_ts) OR core.step_us(bar_interval) = 86400000000)::BIGINT
        ),
        TIMESTAMPTZ '1900-01-01 00:00:00+00'
    )
);
