-- core.chosen_series(tickers, bar_interval, …): the one stored series that a call reads for each of its tickers.
--
-- Of the series that fit (core.fitting_series) the coarsest that holds what the others hold of the range. Where two
-- sources are left over the call is an error (core.series_problems); here the first of them is taken.
-- Grain: one row per known ticker of the call.
-- Inputs: core.ticker_list, core.fitting_series.
-- NULLs: source, schema and the columns after them, for a ticker without a series that fits and holds
--   the range.
-- Columns:
--   ticker: Ticker
--   ticker_slot: Number of the ticker in the call, from 1 in alphabetical order
--   calendar: Trading calendar of the ticker
--   session_key: Calendar with the ticker's own session window, if it has one
--   session_slot: Number of the session key in the call, from 1 in alphabetical order
--   source: Source of the chosen series
--   schema: Schema of the chosen series
--   step_us: Width of its bars in microseconds
--   day_tz: Time zone that its daily bars are dated in
--   first_ts: Open of its first bar
--   last_ts: Open of its last bar
--   is_mixed: Whether the tickers of the call have different calendars
--   anchoring: Where buckets begin in this call: session, calendar (tickers with different windows), midnight, epoch
-- Example: FROM core.chosen_series(['AAPL'], INTERVAL 5 MINUTE);

CREATE OR REPLACE MACRO core.chosen_series(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH ranked AS (
    SELECT
        t.ticker,
        t.calendar,
        t.session_key,
        f.source,
        f.schema,
        f.step_us,
        f.day_tz,
        f.first_ts,
        f.last_ts,
        row_number() OVER (PARTITION BY t.ticker ORDER BY f.step_us DESC, f.source ASC) AS preference
    FROM core.ticker_list AS t
    LEFT JOIN core.fitting_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema
    ) AS f
        ON f.ticker = t.ticker
        AND f.holds_range
    WHERE core.is_wanted(tickers, t.ticker)
),
coarsest AS (
    SELECT
        *,
        row_number() OVER (ORDER BY ticker ASC) AS ticker_slot,
        dense_rank() OVER (ORDER BY session_key ASC) AS session_slot,
        min(calendar) OVER () <> max(calendar) OVER () AS is_mixed,
        min(session_key) OVER () <> max(session_key) OVER () AS has_windows
    FROM ranked
    WHERE preference = 1
)
SELECT
    ticker::VARCHAR AS ticker,
    ticker_slot::INTEGER AS ticker_slot,
    calendar::VARCHAR AS calendar,
    session_key::VARCHAR AS session_key,
    session_slot::INTEGER AS session_slot,
    source::VARCHAR AS source,
    schema::VARCHAR AS schema,
    step_us::BIGINT AS step_us,
    day_tz::VARCHAR AS day_tz,
    first_ts::TIMESTAMPTZ AS first_ts,
    last_ts::TIMESTAMPTZ AS last_ts,
    is_mixed::BOOLEAN AS is_mixed,
    CASE
        WHEN anchor <> 'session' THEN anchor
        WHEN is_mixed THEN 'midnight'
        WHEN has_windows THEN 'calendar'
        ELSE 'session'
    END::VARCHAR AS anchoring
FROM coarsest;
