-- aligned_outer(tickers, bar_interval, …): all tickers on the union of their buckets; missing values are NULL.
--
-- Grain: one row per ticker and bucket in which any ticker of the call has bars, ordered by ts_event and ticker.
-- Options: start_ts, end_ts (half-open between instants; dates take whole sessions, the end date included; text and
--   TIMESTAMP are wall time in tz), session 'regular' | 'all', anchor 'session' | 'midnight' | 'epoch', tz (an IANA
--   name), adjust 'none' | 'splits' | 'all', from_source, from_schema.
--   partial: a bucket is in a range only if it is wholly inside, by sessions for dates; 'drop' (default) leaves out
--   the others, 'cut' computes those at both ends from the range's own bars. An open end has what is stored.
-- tickers: a list, or one ticker as text; NULL or [] is the configured universe, else all that is stored.
-- Inputs: one stored series per ticker (core.chosen_series); a configured ticker that is not stored has only NULLs.
-- NULLs: prices, volume, vwap and transactions where is_present is false; age before a ticker's first bar.
-- Columns:
{{aligned_columns}}
-- Example: FROM aligned_outer(['AAPL', 'MSFT'], '5min', start_ts := DATE '2023-01-03', end_ts := DATE '2023-01-31');

CREATE OR REPLACE MACRO aligned_outer(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    adjust := {{adjust}},
    from_source := NULL,
    from_schema := NULL,
    partial := {{partial}}
) AS TABLE
WITH call_tickers AS MATERIALIZED (
    SELECT c.ticker, c.source, c.schema, c.is_mixed
    FROM core.chosen_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema
    ) AS c
),
present AS MATERIALIZED (
    SELECT r.*
    FROM core.resampled(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema, partial := partial
    ) AS r
),
buckets AS (
    SELECT ts_event, max(ts_close) AS ts_close, min(session_date) AS session_date
    FROM present
    GROUP BY ts_event
),
aligned_rows AS (
    -- core.aligned_rows without its look-back and grid, which cost every call as much time to bind as all else.
    SELECT
        t.ticker,
        b.ts_event,
        b.ts_close,
        coalesce(
            p.session_date,
            CASE WHEN t.is_mixed THEN timezone(tz, b.ts_event)::DATE ELSE b.session_date END
        ) AS session_date,
        p.open,
        p.high,
        p.low,
        p.close,
        p.volume,
        p.vwap,
        p.transactions,
        coalesce(p.bar_count, 0) AS bar_count,
        p.bar_count IS NOT NULL AS is_present,
        t.source,
        t.schema
    FROM buckets AS b
    CROSS JOIN call_tickers AS t
    LEFT JOIN present AS p
        ON p.ticker = t.ticker
        AND p.ts_event = b.ts_event
),
dated_rows AS (
    SELECT
        a.*,
        to_microseconds(
            epoch_us(a.ts_event) - max(CASE WHEN a.is_present THEN epoch_us(a.ts_event) END) OVER past
        ) AS age
    FROM aligned_rows AS a
    WINDOW past AS (PARTITION BY a.ticker ORDER BY a.ts_event ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT
    r.ticker::VARCHAR AS ticker,
    r.ts_event::TIMESTAMPTZ AS ts_event,
    r.ts_close::TIMESTAMPTZ AS ts_close,
    r.session_date::DATE AS session_date,
    r.open::DOUBLE AS open,
    r.high::DOUBLE AS high,
    r.low::DOUBLE AS low,
    r.close::DOUBLE AS close,
    r.volume::DOUBLE AS volume,
    r.vwap::DOUBLE AS vwap,
    r.transactions::BIGINT AS transactions,
    r.bar_count::BIGINT AS bar_count,
    r.is_present::BOOLEAN AS is_present,
    r.age::INTERVAL AS age,
    r.source::VARCHAR AS source,
    r.schema::VARCHAR AS schema
FROM (
    FROM dated_rows
    UNION ALL BY NAME
    FROM core.check_call(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema,
        other_problems := [core.store_problem({{store}}), core.choice_problem('partial', partial, ['drop', 'cut'])]
    )
) AS r
ORDER BY ts_event, ticker;
