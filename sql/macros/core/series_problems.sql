-- core.series_problems(tickers, bar_interval, …): the tickers of a call that cannot be read, and why.
--
-- may_skip: leave out tickers without a series that fits the interval, where neither the call nor the configuration
-- names them; for macros that look for faults in the whole store.
-- Grain: one row per ticker that is unknown, has no series that fits, has such series from several sources, or of which
--   none holds all of the range that the others hold.
-- Inputs: core.ticker_list, core.series, core.fitting_series.
-- NULLs: none.
-- Columns:
--   problem: A sentence that names the ticker and the choices
-- Example: FROM core.series_problems(['AAPL', 'APPL'], INTERVAL 5 MINUTE);

CREATE OR REPLACE MACRO core.series_problems(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    from_source := NULL,
    from_schema := NULL,
    may_skip := false
) AS TABLE
WITH requested AS (
    SELECT DISTINCT unnest(core.wanted_tickers(tickers)) AS ticker
),
missing_tickers AS (
    SELECT r.ticker
    FROM requested AS r
    ANTI JOIN core.ticker_list AS t USING (ticker)
),
unknown AS (
    SELECT m.ticker, arg_max(t.ticker, jaro_winkler_similarity(upper(m.ticker), t.ticker)) AS nearest
    FROM missing_tickers AS m
    LEFT JOIN core.ticker_list AS t ON true
    GROUP BY m.ticker
),
stored AS (
    SELECT ticker, string_agg(source || '/' || schema, ', ' ORDER BY source, step_us) AS all_series
    FROM core.series
    WHERE core.is_wanted(tickers, ticker)
    GROUP BY ticker
),
fitting AS (
    SELECT
        f.ticker,
        count(DISTINCT f.source) AS source_count,
        string_agg(DISTINCT f.source, ', ' ORDER BY f.source) AS sources,
        bool_or(f.holds_range) AS is_held,
        string_agg(
            f.source || '/' || f.schema || ' from ' || f.first_date::VARCHAR || ' to ' || f.last_date::VARCHAR,
            ', ' ORDER BY f.step_us DESC
        ) AS held_ranges
    FROM core.fitting_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema
    ) AS f
    GROUP BY f.ticker
)
SELECT
    'tickers: unknown ticker ' || coalesce('''' || ticker || '''', 'NULL')
    || coalesce('; did you mean ''' || nearest || '''?', '')
    || ' (neither stored nor configured; the view tickers lists what is)' AS problem
FROM unknown
UNION ALL
SELECT
    CASE WHEN f.ticker IS NULL THEN
        'tickers: nothing stored of ''' || s.ticker || ''' gives bars of '
        || coalesce(core.read_interval(bar_interval)::VARCHAR, 'that interval')
        || coalesce(' with from_source ''' || from_source::VARCHAR || '''', '')
        || coalesce(' with from_schema ''' || from_schema::VARCHAR || '''', '')
        || ' (stored: ' || s.all_series || '); the interval must be a multiple of the stored bars, and bars that are'
        || ' wider than the steps between session opens need session := ''all'' with anchor := ''midnight'' or'
        || ' ''epoch''; bars with a grid of their own fit only as hours that begin at the opens of regular sessions'
    WHEN f.source_count > 1 THEN
        'tickers: ''' || s.ticker || ''' is stored from several sources (' || f.sources
        || '); name one with from_source, or configure its data_source'
    ELSE
        'tickers: no series of ''' || s.ticker || ''' holds all that is stored of the range (' || f.held_ranges
        || '); name one with from_schema, or give start_ts and end_ts within one of them'
    END
FROM stored AS s
LEFT JOIN fitting AS f USING (ticker)
WHERE f.source_count > 1
    OR NOT f.is_held
    OR (f.ticker IS NULL AND NOT (may_skip AND len(core.wanted_tickers(tickers)) = 0));
