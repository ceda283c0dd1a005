-- aligned_ffill(tickers, bar_interval, …): all tickers on the union of their buckets, filled forward.
--
-- Each price column carries its own last value, forward only. Values from before start_ts are carried in only with
-- lookback (an INTERVAL). On filled rows volume and transactions are 0 and vwap is NULL. No value is carried past the
-- dates on which a ticker is traded (active_from, active_to).
-- Grain: one row per ticker and bucket in which any ticker of the call has bars, ordered by ts_event and ticker.
-- Options: start_ts, end_ts (half-open between instants; dates take whole sessions, the end date included; text and
--   TIMESTAMP are wall time in tz), session 'regular' | 'all', anchor 'session' | 'midnight' | 'epoch', tz (an IANA
--   name), adjust 'none' | 'splits' | 'all', from_source, from_schema.
--   partial: a bucket is in a range only if it is wholly inside, by sessions for dates; 'drop' (default) leaves out
--   the others, 'cut' computes those at both ends from the range's own bars. An open end has what is stored.
-- tickers: a list, or one ticker as text; NULL or [] is the configured universe, else all that is stored.
--   fill_volume 'zero' | 'ffill' | 'null', fill_prices 'own' | 'close' (flat bars), max_age (an INTERVAL: older values
--   are not carried), across_sessions (false: nothing is carried into another session), lookback.
-- Inputs: one stored series per ticker (core.chosen_series); a configured ticker that is not stored has only NULLs.
-- NULLs: prices before a ticker's first bar or past max_age; vwap on filled rows.
-- Columns:
{{aligned_columns}}
-- Example: FROM aligned_ffill(['AAPL', 'MSFT'], '5min', start_ts := DATE '2023-01-03', end_ts := DATE '2023-01-31');

CREATE OR REPLACE MACRO aligned_ffill(
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
    fill_volume := {{fill_volume}},
    fill_prices := {{fill_prices}},
    max_age := {{max_age}},
    across_sessions := {{across_sessions}},
    lookback := NULL,
    partial := {{partial}}
) AS TABLE
SELECT *
FROM core.filled_rows(
    tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
    adjust := adjust, from_source := from_source, from_schema := from_schema,
    fill_volume := fill_volume, fill_prices := fill_prices, max_age := max_age, across_sessions := across_sessions,
    lookback := lookback, partial := partial,
    other_problems := [core.store_problem({{store}})]
)
ORDER BY ts_event, ticker;
