-- core.session_bars(tickers, bar_interval, …): the session of each stored bar of a call.
--
-- A bar is in the range if its bucket of bar_interval is, counted from the start of its segment.
-- Grain: one row per stored bar in the range, those outside of regular hours with the others.
-- Inputs: core.chosen_intraday_bars, core.session_days, core.chosen_series.
-- NULLs: volume as stored.
-- Columns:
--   ticker_slot: Number of the ticker in the call
--   segment: pre, regular, break, post or closed
--   session_date: Session, or local date
--   anchor_us: Start of the segment
--   ts_us: Open of the bar in microseconds since the epoch
--   volume: Traded volume
-- Example: FROM core.session_bars(['AAPL'], '1min', start_ts := DATE '2023-11-24', end_ts := DATE '2023-11-24');

CREATE OR REPLACE MACRO core.session_bars(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    tz := {{tz}},
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH day_pieces AS MATERIALIZED (
    SELECT
        core.day_key(k.session_slot, d.utc_day) AS day_key,
        d.segment,
        d.session_date,
        d.anchor_us,
        d.segment_end_us,
        d.start_us,
        d.end_us
    FROM core.session_days AS d
    JOIN (
        SELECT DISTINCT c.session_key, c.session_slot
        FROM core.chosen_series(
            tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
            from_schema := from_schema
        ) AS c
    ) AS k USING (session_key)
    WHERE d.utc_day >= epoch_us(core.scan_start(start_ts, bar_interval, tz, NULL, NULL, 0)) // 86400000000
        AND d.utc_day <= epoch_us(core.scan_end(start_ts, end_ts, bar_interval, tz, NULL)) // 86400000000
        AND core.is_day_in_range(d.session_date, start_ts, end_ts, tz)
)
SELECT
    b.ticker_slot::INTEGER AS ticker_slot,
    d.segment::VARCHAR AS segment,
    d.session_date::DATE AS session_date,
    d.anchor_us::BIGINT AS anchor_us,
    b.ts_us::BIGINT AS ts_us,
    b.volume::DOUBLE AS volume
FROM core.chosen_intraday_bars(
    tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
    from_schema := from_schema
) AS b
JOIN day_pieces AS d
    ON d.day_key = b.day_key
    AND b.ts_us >= d.start_us
    AND b.ts_us < d.end_us
WHERE core.lies_after(
        core.bucket_label(b.ts_us, d.anchor_us, bar_interval), NULL::DATE, core.bound_us(start_ts, tz), NULL
    )
    AND core.lies_before(
        core.bucket_close(core.bucket_label(b.ts_us, d.anchor_us, bar_interval), d.segment_end_us, bar_interval),
        NULL::DATE,
        core.bound_us(end_ts, tz),
        NULL
    );
