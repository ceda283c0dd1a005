-- resampled(tickers, bar_interval, …): stored bars in buckets of any width, one row per ticker and bucket.
--
-- open is the first price, high the highest, low the lowest, close the last; volume and transactions are summed.
-- Buckets are labelled by their left edge, counted from the session's open (anchor), and never cross an open or a
-- close. Tickers of different calendars in one call meet on buckets counted from midnight in tz.
-- Grain: one row per ticker and bucket that has at least one bar, ordered by ts_event and ticker.
-- Options: start_ts, end_ts (half-open between instants; dates take whole sessions, the end date included; text and
--   TIMESTAMP are wall time in tz), session 'regular' | 'all', anchor 'session' | 'midnight' | 'epoch', tz (an IANA
--   name), adjust 'none' | 'splits' | 'all', from_source, from_schema.
--   partial: a bucket is in a range only if it is wholly inside, by sessions for dates; 'drop' (default) leaves out
--   the others, 'cut' computes those at both ends from the range's own bars. An open end has what is stored.
-- tickers: a list, or one ticker as text; NULL or [] is the configured universe, else all that is stored.
-- Inputs: one stored series per ticker (core.chosen_series).
-- NULLs: NULL prices are passed over; vwap is NULL if a bar with volume has none, or if nothing was traded.
-- Columns:
{{resampled_columns}}
-- Example: FROM resampled(['AAPL', 'MSFT'], '5min', start_ts := DATE '2023-01-03', end_ts := DATE '2023-01-31');

CREATE OR REPLACE MACRO resampled(
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
    r.source::VARCHAR AS source,
    r.schema::VARCHAR AS schema
FROM (
    FROM core.resampled(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema, partial := partial
    )
    UNION ALL BY NAME
    FROM core.check_call(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema,
        other_problems := [core.store_problem({{store}}), core.choice_problem('partial', partial, ['drop', 'cut'])]
    )
) AS r
ORDER BY ts_event, ticker;
