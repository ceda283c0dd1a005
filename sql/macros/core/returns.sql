-- core.returns(tickers, bar_interval, …): each bar's return from the bar before it; see the macro returns.
--
-- Raises an error if an argument is not valid; other_problems as in core.check_call.
-- Grain: one row per ticker and bar.
-- Inputs: core.resampled.
-- NULLs: as in returns.
-- Columns:
{{returns_columns}}
-- Example: FROM core.returns(['AAPL'], INTERVAL 1 DAY);

CREATE OR REPLACE MACRO core.returns(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    adjust := 'splits',
    from_source := NULL,
    from_schema := NULL,
    partial := 'drop',
    other_problems := NULL
) AS TABLE
WITH closes AS (
    SELECT
        r.ticker,
        r.ts_event,
        r.ts_close,
        r.session_date,
        r.close,
        lag(r.close) OVER (PARTITION BY r.ticker ORDER BY r.ts_event ASC) AS previous_close
    FROM core.resampled(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema, partial := partial
    ) AS r
),
bar_returns AS (
    SELECT
        *,
        CASE WHEN previous_close > 0 THEN close / previous_close - 1 END AS simple_return,
        CASE WHEN previous_close > 0 AND close > 0 THEN ln(close / previous_close) END AS log_return
    FROM closes
)
SELECT
    r.ticker::VARCHAR AS ticker,
    r.ts_event::TIMESTAMPTZ AS ts_event,
    r.ts_close::TIMESTAMPTZ AS ts_close,
    r.session_date::DATE AS session_date,
    r.close::DOUBLE AS close,
    r.simple_return::DOUBLE AS simple_return,
    r.log_return::DOUBLE AS log_return
FROM (
    FROM bar_returns
    UNION ALL BY NAME
    FROM core.check_call(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema,
        other_problems := list_append(other_problems, core.choice_problem('partial', partial, ['drop', 'cut']))
    )
) AS r;
