-- core.trailing_pairs(tickers, benchmark, …): how tickers' log returns went with a benchmark's in a trailing window.
--
-- The window holds the latest window_bars returns between bars that the ticker and the benchmark share, this bar's too.
-- Raises an error if an argument is not valid.
-- Grain: one row per ticker other than the benchmark, and common bar after the first.
-- Inputs: core.resampled.
-- NULLs: the statistics until the window is full, and where they are not defined; returns from or to a close of 0 or
--   less are left out.
-- Columns:
--   ticker: Ticker
--   benchmark: Ticker that it is compared with
--   ts_event: Left edge of the bar, UTC
--   ts_close: Right edge of the bar, UTC
--   correlation: Correlation of the window's log returns, -1 to 1
--   beta: Slope of the regression on the benchmark's returns
--   sample_size: Number of pairs of returns in the window
-- Example: FROM core.trailing_pairs(['AAPL'], 'SPY', bar_interval := INTERVAL 1 DAY, window_bars := 60);

CREATE OR REPLACE MACRO core.trailing_pairs(
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
    from_schema := NULL,
    partial := 'drop',
    other_problems := NULL
) AS TABLE
WITH closes AS MATERIALIZED (
    SELECT r.ticker, r.ts_event, r.ts_close, CASE WHEN r.close > 0 THEN r.close END AS close
    FROM core.resampled(
        core.with_ticker(tickers, benchmark), bar_interval, start_ts := start_ts, end_ts := end_ts, session := session,
        anchor := anchor, tz := tz, adjust := adjust, from_source := from_source, from_schema := from_schema,
        partial := partial
    ) AS r
),
pairs AS MATERIALIZED (
    SELECT
        a.ticker,
        a.ts_event,
        a.ts_close,
        ln(a.close / lag(a.close) OVER bars) AS log_return,
        ln(b.close / lag(b.close) OVER bars) AS benchmark_return
    FROM closes AS a
    JOIN closes AS b USING (ts_event)
    WHERE b.ticker IS NOT DISTINCT FROM benchmark::VARCHAR
        AND a.ticker IS DISTINCT FROM benchmark::VARCHAR
    WINDOW bars AS (PARTITION BY a.ticker ORDER BY a.ts_event ASC)
),
samples AS (
    SELECT
        *,
        corr(log_return, benchmark_return) OVER latest AS correlation,
        regr_slope(log_return, benchmark_return) OVER latest AS beta,
        count(*) OVER latest AS sample_size
    FROM pairs
    WHERE log_return IS NOT NULL AND benchmark_return IS NOT NULL
    WINDOW latest AS (
        PARTITION BY ticker ORDER BY ts_event ASC
        ROWS BETWEEN core.row_count(window_bars) - 1 PRECEDING AND CURRENT ROW
    )
),
full_windows AS (
    SELECT
        ticker,
        benchmark::VARCHAR AS benchmark,
        ts_event,
        ts_close,
        CASE
            WHEN sample_size = core.row_count(window_bars) AND isfinite(correlation) THEN correlation
        END AS correlation,
        CASE WHEN sample_size = core.row_count(window_bars) AND isfinite(beta) THEN beta END AS beta,
        sample_size
    FROM samples
)
SELECT
    w.ticker::VARCHAR AS ticker,
    w.benchmark::VARCHAR AS benchmark,
    w.ts_event::TIMESTAMPTZ AS ts_event,
    w.ts_close::TIMESTAMPTZ AS ts_close,
    w.correlation::DOUBLE AS correlation,
    w.beta::DOUBLE AS beta,
    w.sample_size::BIGINT AS sample_size
FROM (
    FROM full_windows
    UNION ALL BY NAME
    FROM core.check_call(
        core.with_ticker(tickers, benchmark), bar_interval, start_ts := start_ts, end_ts := end_ts, session := session,
        anchor := anchor, tz := tz, adjust := adjust, from_source := from_source, from_schema := from_schema,
        other_problems := list_concat(other_problems::VARCHAR[], list_concat(
            -- Where no tickers are named, the benchmark is not among those that are checked.
            (
                SELECT list(b.problem)
                FROM core.series_problems(
                    [benchmark::VARCHAR], bar_interval, start_ts := start_ts, end_ts := end_ts, session := session,
                    anchor := anchor, tz := tz, from_source := from_source, from_schema := from_schema
                ) AS b
            ),
            [
                core.count_problem('window_bars', coalesce(window_bars::VARCHAR, 'NULL')),
                core.choice_problem('partial', partial, ['drop', 'cut'])
            ]
        ))
    )
) AS w;
