-- aligned_inner(tickers, bar_interval, …): all tickers on the buckets that every one of them has bars in.
--
-- Grain: one row per ticker and common bucket: rectangular, ordered by ts_event and ticker.
-- Options: start_ts, end_ts (half-open between instants; dates take whole sessions, the end date included; text and
--   TIMESTAMP are wall time in tz), session 'regular' | 'all', anchor 'session' | 'midnight' | 'epoch', tz (an IANA
--   name), adjust 'none' | 'splits' | 'all', from_source, from_schema.
--   partial: a bucket is in a range only if it is wholly inside, by sessions for dates; 'drop' (default) leaves out
--   the others, 'cut' computes those at both ends from the range's own bars. An open end has what is stored.
-- tickers: a list, or one ticker as text; NULL or [] is the configured universe, else all that is stored.
-- Inputs: one stored series per ticker (core.chosen_series); configured tickers without stored bars are left out.
-- NULLs: as in the stored bars; is_present is true and age zero on every row.
-- Columns:
{{aligned_columns}}
-- Example: FROM aligned_inner(['AAPL', 'MSFT'], '5min', start_ts := DATE '2023-01-03', end_ts := DATE '2023-01-31');

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
    from_schema := NULL,
    partial := {{partial}}
) AS TABLE
WITH present AS MATERIALIZED (
    SELECT r.*
    FROM core.resampled(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema, partial := partial
    ) AS r
),
complete_buckets AS (
    SELECT ts_event, max(ts_close) AS ts_close
    FROM present
    GROUP BY ts_event
    HAVING count(*) = (
        SELECT count(*)
        FROM core.chosen_series(
            tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor,
            tz := tz, from_source := from_source, from_schema := from_schema
        ) AS c
        WHERE c.source IS NOT NULL
    )
),
common_rows AS (
    SELECT
        p.* REPLACE (b.ts_close AS ts_close),
        true AS is_present,
        to_microseconds(0) AS age
    FROM present AS p
    JOIN complete_buckets AS b USING (ts_event)
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
    FROM common_rows
    UNION ALL BY NAME
    FROM core.check_call(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema,
        other_problems := [core.store_problem({{store}}), core.choice_problem('partial', partial, ['drop', 'cut'])]
    )
) AS r
ORDER BY ts_event, ticker;
