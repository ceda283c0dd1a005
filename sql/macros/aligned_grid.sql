-- aligned_grid(tickers, bar_interval, …): all tickers on the calendar's complete grid.
--
-- 390 minutes a session on the New York calendar, 210 on a half day, with or without trades. With session 'all' the
-- grid includes the time before the open and after the close of each session's date. An open bound ends at the first
-- or last session with bars.
-- Grain: one row per ticker and bucket of the calendar, ordered by ts_event and ticker.
-- Options: start_ts, end_ts (half-open between instants; dates take whole sessions, the end date included; text and
--   TIMESTAMP are wall time in tz), session 'regular' | 'all', anchor 'session' | 'midnight' | 'epoch', tz (an IANA
--   name), adjust 'none' | 'splits' | 'all', from_source, from_schema.
--   partial: a bucket is in a range only if it is wholly inside, by sessions for dates; 'drop' (default) leaves out
--   the others, 'cut' computes those at both ends from the range's own bars. An open end has what is stored.
-- tickers: a list, or one ticker as text; NULL or [] is the configured universe, else all that is stored.
--   fill 'none' | 'forward'; with 'forward' also fill_volume, fill_prices, max_age, across_sessions and lookback, as in
--   aligned_ffill.
-- Inputs: one stored series per ticker (core.chosen_series), core.call_grid. Bars outside the grid are kept.
-- NULLs: with fill 'none', all values where is_present is false.
-- Columns:
{{aligned_columns}}
-- Example: FROM aligned_grid(['AAPL', 'MSFT'], '1min', start_ts := DATE '2023-11-24', end_ts := DATE '2023-11-24');

CREATE OR REPLACE MACRO aligned_grid(
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
    fill := 'none',
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
    lookback := lookback, partial := partial, is_grid := true, fill := fill,
    other_problems := [core.store_problem({{store}})]
)
ORDER BY ts_event, ticker;
