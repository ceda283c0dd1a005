-- tickers: every ticker that is configured or stored: its settings, its calendar and its stored series.
--
-- Grain: one row per ticker.
-- Inputs: core.ticker_list, core.series.
-- NULLs: settings that are not configured; the stored series of a ticker without bars.
-- Columns:
--   ticker: Ticker
--   in_universe: Whether it belongs to the configured universe
--   universe_position: Its place in the universe, from the first
--   data_source: Source that is read for it where several are stored
--   priority: Order of fetching, 1 first
--   weight: Weight, as configured; never normalised
--   calendar: Trading calendar
--   calendar_is_inferred: Whether the calendar was guessed from name and source
--   session_start: Start of its own session window, wall time in timezone
--   session_end: End of its own session window
--   timezone: Time zone of the session window
--   bar_interval: Its own bar interval
--   active_from: First date on which it is traded
--   active_to: Last date on which it is traded
--   max_gap_minutes: Longest gap that is accepted
--   outlier_std_threshold: Standard deviations from which a return is an outlier
--   metadata: Anything else known of it, a JSON object
--   series: Stored series as source/schema
--   first_ts: Open of its first stored bar, UTC
--   last_ts: Open of its last stored bar, UTC
--   row_count: Number of stored bars
--   byte_size: Size of its files in bytes
-- Example: SELECT ticker, calendar, series, first_ts, last_ts FROM tickers ORDER BY ticker;

CREATE OR REPLACE VIEW tickers AS
WITH stored AS (
    SELECT
        ticker,
        string_agg(source || '/' || schema, ', ' ORDER BY source, step_us) AS series,
        min(first_ts) AS first_ts,
        max(last_ts) AS last_ts,
        sum(row_count) AS row_count,
        sum(byte_size) AS byte_size
    FROM core.series
    GROUP BY ticker
)
SELECT
    t.ticker::VARCHAR AS ticker,
    (t.universe_position IS NOT NULL)::BOOLEAN AS in_universe,
    t.universe_position::INTEGER AS universe_position,
    t.data_source::VARCHAR AS data_source,
    t.priority::INTEGER AS priority,
    t.weight::DOUBLE AS weight,
    t.calendar::VARCHAR AS calendar,
    t.calendar_is_inferred::BOOLEAN AS calendar_is_inferred,
    t.session_start::VARCHAR AS session_start,
    t.session_end::VARCHAR AS session_end,
    t.timezone::VARCHAR AS timezone,
    t.bar_interval::VARCHAR AS bar_interval,
    t.active_from::DATE AS active_from,
    t.active_to::DATE AS active_to,
    t.max_gap_minutes::DOUBLE AS max_gap_minutes,
    t.outlier_std_threshold::DOUBLE AS outlier_std_threshold,
    t.metadata::VARCHAR AS metadata,
    s.series::VARCHAR AS series,
    s.first_ts::TIMESTAMPTZ AS first_ts,
    s.last_ts::TIMESTAMPTZ AS last_ts,
    s.row_count::BIGINT AS row_count,
    s.byte_size::BIGINT AS byte_size
FROM core.ticker_list AS t
LEFT JOIN stored AS s USING (ticker);
