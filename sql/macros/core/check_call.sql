-- core.check_call(tickers, bar_interval, …): raise an error if an argument of a call is not valid.
--
-- A published macro appends these rows to its own with UNION ALL BY NAME. Every column of every published macro is here
-- and raises the error, since DuckDB drops an arm whose columns are constants under an outer filter. A check inside the
-- rows would not do: DuckDB 2.0 skips it where there are no rows.
-- Grain: no rows; the first problem of core.call_problems and of other_problems (a list of texts) is the error.
-- NULLs: a NULL in other_problems is not a problem.
-- Example: FROM core.check_call(['AAPL'], INTERVAL 5 MINUTE, session := 'regular');

CREATE OR REPLACE MACRO core.check_call(
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
    may_skip := false,
    other_problems := NULL
) AS TABLE
WITH problems AS (
    SELECT p.rank, p.problem
    FROM core.call_problems(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema, may_skip := may_skip
    ) AS p
    UNION ALL
    SELECT CASE WHEN starts_with(o.problem, 'tickers:') THEN 2 ELSE 0 END, o.problem
    FROM (SELECT unnest(other_problems::VARCHAR[]) AS problem) AS o
    WHERE o.problem IS NOT NULL
),
errors AS (
    SELECT core.raise_problem(first(problem ORDER BY rank ASC, problem ASC)) AS raised
    FROM problems
    HAVING count(*) > 0
)
SELECT
    raised::VARCHAR AS ticker,
    raised::VARCHAR AS benchmark,
    raised::VARCHAR AS ticker_a,
    raised::VARCHAR AS ticker_b,
    raised::VARCHAR AS source,
    raised::VARCHAR AS schema,
    raised::VARCHAR AS position,
    raised::VARCHAR AS reason,
    raised::VARCHAR AS ledger_reason,
    raised::TIMESTAMPTZ AS ts_event,
    raised::TIMESTAMPTZ AS ts_close,
    raised::TIMESTAMPTZ AS first_missing,
    raised::TIMESTAMPTZ AS last_missing,
    raised::TIMESTAMPTZ AS first_bar,
    raised::TIMESTAMPTZ AS last_bar,
    raised::DATE AS session_date,
    raised::INTERVAL AS age,
    raised::BOOLEAN AS is_present,
    raised::BIGINT AS transactions,
    raised::BIGINT AS bar_count,
    raised::BIGINT AS sample_size,
    raised::BIGINT AS missing_bars,
    raised::BIGINT AS expected_bars,
    raised::BIGINT AS present_bars,
    raised::BIGINT AS gap_count,
    raised::BIGINT AS outlier_count,
    raised::BIGINT AS zero_volume_bars,
    raised::BIGINT AS quarantined_rows,
    raised::BIGINT AS off_session_bars,
    raised::DOUBLE AS open,
    raised::DOUBLE AS high,
    raised::DOUBLE AS low,
    raised::DOUBLE AS close,
    raised::DOUBLE AS volume,
    raised::DOUBLE AS vwap,
    raised::DOUBLE AS simple_return,
    raised::DOUBLE AS log_return,
    raised::DOUBLE AS volatility,
    raised::DOUBLE AS beta,
    raised::DOUBLE AS correlation,
    raised::DOUBLE AS previous_close,
    raised::DOUBLE AS center,
    raised::DOUBLE AS spread,
    raised::DOUBLE AS z_score,
    raised::DOUBLE AS std_threshold,
    raised::DOUBLE AS missing_minutes,
    raised::DOUBLE AS max_gap_minutes,
    raised::DOUBLE AS completeness,
    raised::DOUBLE AS longest_gap_minutes,
    raised::DOUBLE AS close_a,
    raised::DOUBLE AS close_b,
    raised::DOUBLE AS ratio,
    raised::VARCHAR AS verdict,
    raised::DOUBLE AS price_difference,
    raised::DOUBLE AS volume_a,
    raised::DOUBLE AS volume_b,
    raised::DOUBLE AS volume_ratio
FROM errors
WHERE raised IS NOT NULL;
