-- core.missing_runs(tickers, bar_interval, …): runs of buckets within regular hours without a ticker's bar.
--
-- Grain: one row per ticker and run; a run ends where its session, or its span between breaks, ends.
-- Inputs: core.session_spans, core.session_bars.
-- NULLs: none.
-- Columns:
--   ticker_slot: Number of the ticker in the call
--   session_date: Session
--   start_us: First missing microsecond, since the epoch
--   end_us: First microsecond after the run
--   missing_bars: Number of missing buckets
--   position: leading, interior, trailing, or whole where the span has no bar at all
-- Example: FROM core.missing_runs(['AAPL'], '1min', start_ts := DATE '2023-11-24', end_ts := DATE '2023-11-24');

CREATE OR REPLACE MACRO core.missing_runs(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    tz := {{tz}},
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH spans AS MATERIALIZED (
    SELECT s.*
    FROM core.session_spans(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema
    ) AS s
    WHERE s.is_stored
),
present_buckets AS (
    SELECT DISTINCT
        b.ticker_slot,
        b.session_date,
        b.anchor_us,
        b.anchor_us + (b.ts_us - b.anchor_us) // core.step_us(bar_interval) * core.step_us(bar_interval) AS bucket_us
    FROM core.session_bars(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema
    ) AS b
    WHERE b.segment = 'regular'
),
marks AS (
    -- A span's own ends stand beside its bars, so that the time before the first and after the last bar is a run, too.
    SELECT ticker_slot, session_date, anchor_us, start_us - 1 AS mark_us, start_us AS reaches_us, 'start' AS kind
    FROM spans
    UNION ALL
    SELECT ticker_slot, session_date, anchor_us, end_us, end_us, 'end'
    FROM spans
    UNION ALL
    SELECT p.ticker_slot, p.session_date, p.anchor_us, p.bucket_us, p.bucket_us + core.step_us(bar_interval), 'bar'
    FROM present_buckets AS p
    JOIN spans AS s
        ON s.ticker_slot = p.ticker_slot
        AND s.anchor_us = p.anchor_us
),
neighbours AS (
    SELECT
        ticker_slot,
        session_date,
        mark_us,
        kind,
        lag(reaches_us) OVER span AS previous_reaches_us,
        lag(kind) OVER span AS previous_kind
    FROM marks
    WINDOW span AS (PARTITION BY ticker_slot, anchor_us ORDER BY mark_us ASC, kind DESC)
)
SELECT
    ticker_slot::INTEGER AS ticker_slot,
    session_date::DATE AS session_date,
    previous_reaches_us::BIGINT AS start_us,
    mark_us::BIGINT AS end_us,
    ((mark_us - previous_reaches_us - 1) // core.step_us(bar_interval) + 1)::BIGINT AS missing_bars,
    CASE
        WHEN previous_kind = 'start' AND kind = 'end' THEN 'whole'
        WHEN previous_kind = 'start' THEN 'leading'
        WHEN kind = 'end' THEN 'trailing'
        ELSE 'interior'
    END::VARCHAR AS position
FROM neighbours
WHERE mark_us > previous_reaches_us;
