-- core.chosen_intraday_bars(tickers, bar_interval, …): the stored intraday bars that a call reads.
--
-- One arm per stored schema; an arm that no ticker chose ends at once. Tickers, year and ts_event are compared with
-- constants, directly above the files, so that DuckDB leaves out the files and row groups of other tickers and times.
-- A schema of very many files is read through query(): tickers must then be constants, a parameter or a variable.
-- The range is that of core.scan_start and core.scan_end: wide enough, not exact.
-- Grain: one row per stored bar.
-- Inputs: the views core.bars_…, core.chosen_series.
-- NULLs: as stored.
-- Columns:
--   ticker_slot: Number of the ticker in the call
--   session_slot: Number of the ticker's session key in the call
--   step_us: Width of the bars in microseconds
--   day_key: Session key of the ticker and UTC day of the bar as one number (core.day_key)
--   day_tz: Time zone that daily bars are dated in
--   ts_us: Open of the bar in microseconds since the epoch
--   open: First price
--   high: Highest price
--   low: Lowest price
--   close: Last price
--   volume: Traded volume
--   vwap: Volume-weighted average price
--   transactions: Number of trades
-- Example: FROM core.chosen_intraday_bars(['AAPL'], '1d', start_ts := DATE '2023-01-03', end_ts := DATE '2023-01-31');

CREATE OR REPLACE MACRO core.chosen_intraday_bars(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    from_source := NULL,
    from_schema := NULL,
    lookback := NULL,
    labels_from := NULL,
    labels_to := NULL
) AS TABLE
WITH chosen AS MATERIALIZED (
    SELECT s.ticker, s.ticker_slot, s.session_slot, s.source, s.schema, s.step_us, s.day_tz
    FROM core.chosen_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema
    ) AS s
    WHERE s.source IS NOT NULL
)
{{chosen_intraday_arms}};
