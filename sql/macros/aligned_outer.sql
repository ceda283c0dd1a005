-- aligned_outer(tickers, bar_interval, …): all tickers on the union of their buckets; missing values are NULL.
--
-- Grain: one row per ticker and bucket that any ticker of the call has bars in: rectangular, ordered by ts_event, ticker.
-- Options: start_ts, end_ts (half-open between instants, a date takes whole sessions and the end date with them; text and
--   TIMESTAMP are wall time in tz), session 'regular' | 'all', anchor 'session' | 'midnight' | 'epoch', tz (an IANA
--   name), adjust 'none' | 'splits' | 'all', from_source, from_schema. tickers NULL or []: the configured universe, else all.
-- Inputs: one stored series per ticker (core.chosen_series); a configured ticker that is not stored has only NULLs.
-- NULLs: prices, volume, vwap and transactions where is_present is false; age before a ticker's first bar.
-- Columns:
{{aligned_columns}}
-- Example: FROM aligned_outer(['AAPL', 'MSFT'], INTERVAL 5 MINUTE, start_ts := DATE '2023-01-03', end_ts := DATE '2023-01-31');

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
    from_schema := NULL
) AS TABLE
WITH problems AS (
    SELECT p.rank, p.problem
    FROM core.call_problems(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor,
        tz := tz, adjust := adjust, from_source := from_source, from_schema := from_schema
    ) AS p
),
refusal AS (
    SELECT first(problem ORDER BY rank, problem) AS problem
    FROM problems
    WHERE problem IS NOT NULL
    HAVING count(*) > 0
)
SELECT
    a.ticker::VARCHAR AS ticker,
    a.ts_event::TIMESTAMPTZ AS ts_event,
    a.ts_close::TIMESTAMPTZ AS ts_close,
    a.session_date::DATE AS session_date,
    a.open::DOUBLE AS open,
    a.high::DOUBLE AS high,
    a.low::DOUBLE AS low,
    a.close::DOUBLE AS close,
    a.volume::DOUBLE AS volume,
    a.vwap::DOUBLE AS vwap,
    a.transactions::BIGINT AS transactions,
    a.bar_count::BIGINT AS bar_count,
    a.is_present::BOOLEAN AS is_present,
    to_microseconds(
        epoch_us(a.ts_event) - max(CASE WHEN a.is_present THEN epoch_us(a.ts_event) END) OVER past
    )::INTERVAL AS age,
    a.source::VARCHAR AS source,
    a.schema::VARCHAR AS schema
FROM core.aligned_rows(
    tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
    adjust := adjust, from_source := from_source, from_schema := from_schema
) AS a
WINDOW past AS (PARTITION BY a.ticker ORDER BY a.ts_event ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
UNION ALL
SELECT
    core.refuse(problem)::VARCHAR,
    core.refuse(problem)::TIMESTAMPTZ,
    core.refuse(problem)::TIMESTAMPTZ,
    core.refuse(problem)::DATE,
    core.refuse(problem)::DOUBLE,
    core.refuse(problem)::DOUBLE,
    core.refuse(problem)::DOUBLE,
    core.refuse(problem)::DOUBLE,
    core.refuse(problem)::DOUBLE,
    core.refuse(problem)::DOUBLE,
    core.refuse(problem)::BIGINT,
    core.refuse(problem)::BIGINT,
    core.refuse(problem)::BOOLEAN,
    core.refuse(problem)::INTERVAL,
    core.refuse(problem)::VARCHAR,
    core.refuse(problem)::VARCHAR
FROM refusal
WHERE core.refuse(problem) IS NOT NULL
ORDER BY ts_event, ticker;
