-- correlation(tickers, benchmark, …): the trailing correlation of each ticker's log returns with a benchmark's.
--
-- Returns are taken on the bars that the ticker and the benchmark share, over the latest window_bars of those, this bar's
-- with them. Nothing later is looked at.
-- Grain: one row per ticker other than the benchmark and common bar after the first, ordered by ts_event and ticker.
-- Options: bar_interval (1 day), window_bars (60); start_ts, end_ts, session, anchor, tz, adjust ('splits' unless told otherwise), from_source and
--   from_schema as in resampled.
-- Inputs: core.resampled.
-- NULLs: correlation until the window is full, and where one of the two did not move.
-- Columns:
--   ticker: Ticker
--   benchmark: Ticker that it is compared with
--   ts_event: Left edge of the bar, UTC
--   ts_close: Right edge of the bar, UTC: when its values are known
--   correlation: Correlation of the window's log returns, -1 to 1
--   sample_size: Number of pairs of returns in the window
-- Example: FROM correlation(['AAPL', 'MSFT'], 'SPY', bar_interval := INTERVAL 1 DAY, window_bars := 60);

CREATE OR REPLACE MACRO correlation(
    tickers,
    benchmark,
    bar_interval := INTERVAL 1 DAY,
    window_bars := 60,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    adjust := 'splits',
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH problems AS (
    SELECT p.rank, p.problem
    FROM core.call_problems(
        core.with_ticker(tickers, benchmark), bar_interval, start_ts := start_ts, end_ts := end_ts,
        session := session, anchor := anchor, tz := tz, adjust := adjust, from_source := from_source,
        from_schema := from_schema
    ) AS p
    UNION ALL
    SELECT 2, b.problem
    FROM core.series_problems(
        [benchmark::VARCHAR], bar_interval, session := session, anchor := anchor, from_source := from_source,
        from_schema := from_schema
    ) AS b
    UNION ALL
    SELECT 0, core.count_problem('window_bars', coalesce(window_bars::VARCHAR, 'NULL'))
),
refusal AS (
    SELECT first(problem ORDER BY rank ASC, problem ASC) AS problem
    FROM problems
    WHERE problem IS NOT NULL
    HAVING count(*) > 0
),
pairs AS MATERIALIZED (
    SELECT p.*
    FROM core.paired_returns(
        tickers, benchmark, bar_interval := bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema
    ) AS p
),
samples AS (
    SELECT *, corr(log_return, benchmark_return) OVER latest AS statistic, count(*) OVER latest AS sample_size
    FROM pairs
    WHERE log_return IS NOT NULL AND benchmark_return IS NOT NULL
    WINDOW latest AS (
        PARTITION BY ticker ORDER BY ts_event ASC
        ROWS BETWEEN core.row_count(window_bars) - 1 PRECEDING AND CURRENT ROW
    )
)
SELECT
    s.ticker::VARCHAR AS ticker,
    s.benchmark::VARCHAR AS benchmark,
    s.ts_event::TIMESTAMPTZ AS ts_event,
    s.ts_close::TIMESTAMPTZ AS ts_close,
    CASE WHEN s.sample_size = core.row_count(window_bars) AND isfinite(s.statistic) THEN s.statistic END::DOUBLE AS correlation,
    s.sample_size::BIGINT AS sample_size
FROM samples AS s
UNION ALL
SELECT
    core.refuse(problem)::VARCHAR,
    core.refuse(problem)::VARCHAR,
    core.refuse(problem)::TIMESTAMPTZ,
    core.refuse(problem)::TIMESTAMPTZ,
    core.refuse(problem)::DOUBLE,
    core.refuse(problem)::BIGINT
FROM refusal
WHERE core.refuse(problem) IS NOT NULL
ORDER BY ts_event, ticker;
