-- core.scan_start(start_ts, bar_interval, tz, lookback, labels_from, days): where the bars that a call can need begin.
--
-- Exact for intraday buckets between instants; for dates, and for buckets of a day and more, early enough for the
-- session of any calendar. It chooses files and row groups; the exact bound is applied to labels and session dates.
-- labels_from is where a chunk of a range begins, with what is carried into it; days are read in addition.
-- NULLs: the year 1900 for an open start; no lookback, no chunk.
-- Example: SELECT core.scan_start('2023-01-31 09:30', '5min', 'America/New_York', NULL, NULL, 0);

CREATE OR REPLACE MACRO core.scan_start(start_ts, bar_interval, tz, lookback, labels_from, days) AS (
    coalesce(
        make_timestamptz(
            coalesce(
                epoch_us(labels_from::TIMESTAMPTZ),
                epoch_us(core.instant(start_ts, tz))
                - coalesce(core.span_us(lookback) + 86400000000, 0)
                - 172800000000 * core.is_date(start_ts)::BIGINT
            )
            - 172800000000 * (core.step_us(bar_interval) = 86400000000)::BIGINT
            - 86400000000 * days
        ),
        TIMESTAMPTZ '1900-01-01 00:00:00+00'
    )
);
