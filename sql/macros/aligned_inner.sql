-- aligned_inner(tickers, bar_interval, …): all tickers on the buckets that every one of them has bars in.
--
-- Grain: one row per ticker and common bucket: rectangular, ordered by ts_event and ticker.
-- Options: start_ts, end_ts (half-open between instants, a date takes whole sessions and the end date with them; text and
--   TIMESTAMP are wall time in tz), session 'regular' | 'all', anchor 'session' | 'midnight' | 'epoch', tz (an IANA
--   name), adjust 'none' | 'splits' | 'all', from_source, from_schema.
-- tickers: a list, or one ticker as text; NULL or [] is the configured universe, else all that is stored.
-- Inputs: one stored series per ticker (core.chosen_series); a configured ticker of which nothing is stored takes no part.
-- NULLs: only what the stored bars themselves lack; is_present is true and age zero on every row.
-- Columns:
{{aligned_columns}}
-- Example: FROM aligned_inner(['AAPL', 'MSFT'], INTERVAL 5 MINUTE, start_ts := DATE '2023-01-03', end_ts := DATE '2023-01-31');

CREATE OR REPLACE MACRO aligned_inner(
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
    SELECT first(problem ORDER BY rank ASC, problem ASC) AS problem
    FROM problems
    WHERE problem IS NOT NULL
    HAVING count(*) > 0
),
present AS MATERIALIZED (
    SELECT r.*
    FROM core.resampled(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema
    ) AS r
),
complete_buckets AS (
    SELECT ts_event, max(ts_close) AS ts_close
    FROM present
    GROUP BY ts_event
    HAVING count(*) = (
        SELECT count(*)
        FROM core.chosen_series(
            tickers, bar_interval, session := session, anchor := anchor, from_source := from_source, from_schema := from_schema
        ) AS c
        WHERE c.source IS NOT NULL
    )
)
SELECT
    p.ticker::VARCHAR AS ticker,
    p.ts_event::TIMESTAMPTZ AS ts_event,
    b.ts_close::TIMESTAMPTZ AS ts_close,
    p.session_date::DATE AS session_date,
    p.open::DOUBLE AS open,
    p.high::DOUBLE AS high,
    p.low::DOUBLE AS low,
    p.close::DOUBLE AS close,
    p.volume::DOUBLE AS volume,
    p.vwap::DOUBLE AS vwap,
    p.transactions::BIGINT AS transactions,
    p.bar_count::BIGINT AS bar_count,
    true::BOOLEAN AS is_present,
    to_microseconds(0)::INTERVAL AS age,
    p.source::VARCHAR AS source,
    p.schema::VARCHAR AS schema
FROM present AS p
JOIN complete_buckets AS b USING (ts_event)
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
