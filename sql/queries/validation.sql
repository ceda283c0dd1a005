-- Read what the checks of a loaded table need.

-- name: quality_by_ticker
-- The macro quality of a range, one row per requested ticker; tickers without stored bars have zeros.
WITH by_ticker AS (
    SELECT
        ticker,
        sum(expected_bars)::BIGINT AS expected_bars,
        sum(present_bars)::BIGINT AS present_bars,
        sum(gap_count)::BIGINT AS gap_count,
        max(longest_gap_minutes) AS longest_gap_minutes,
        sum(outlier_count)::BIGINT AS outlier_count,
        sum(quarantined_rows)::BIGINT AS quarantined_rows,
        min(first_bar) AS first_bar,
        max(last_bar) AS last_bar
    FROM quality(
        $tickers,
        NULL,
        start_ts := $start_ts,
        end_ts := $end_ts,
        tz := $tz,
        bar_interval := $bar_interval,
        from_source := $from_source,
        from_schema := $from_schema
    )
    GROUP BY ticker
)
SELECT
    chosen.ticker,
    chosen.calendar,
    coalesce(by_ticker.expected_bars, 0) AS expected_bars,
    coalesce(by_ticker.present_bars, 0) AS present_bars,
    by_ticker.present_bars / nullif(by_ticker.expected_bars, 0) AS completeness,
    coalesce(by_ticker.gap_count, 0) AS gap_count,
    coalesce(by_ticker.longest_gap_minutes, 0) AS longest_gap_minutes,
    coalesce(by_ticker.outlier_count, 0) AS outlier_count,
    coalesce(by_ticker.quarantined_rows, 0) AS quarantined_rows,
    by_ticker.first_bar,
    by_ticker.last_bar,
    chosen.last_ts AS last_stored
FROM core.chosen_series(
    $tickers,
    $bar_interval,
    start_ts := $start_ts,
    end_ts := $end_ts,
    tz := $tz,
    from_source := $from_source,
    from_schema := $from_schema
) AS chosen
LEFT JOIN by_ticker USING (ticker)
ORDER BY list_position($tickers, chosen.ticker), chosen.ticker

-- name: gaps
-- Runs of missing bars in a call's range that last longer than the lowest limit of its tickers: the macro gaps.
SELECT
    ticker,
    session_date,
    first_missing,
    last_missing,
    missing_bars,
    missing_minutes,
    position,
    reason
FROM gaps(
    $tickers,
    $limit,
    start_ts := $start_ts,
    end_ts := $end_ts,
    tz := $tz,
    bar_interval := $bar_interval,
    from_source := $from_source,
    from_schema := $from_schema
)
ORDER BY ticker, first_missing

-- name: outliers
-- Bars with a return beyond the lowest threshold of the request's tickers: the macro outliers.
SELECT
    ticker,
    ts_event,
    session_date,
    close,
    previous_close,
    log_return,
    z_score,
    sample_size
FROM outliers(
    $tickers,
    $limit,
    start_ts := $start_ts,
    end_ts := $end_ts,
    session := $session,
    tz := $tz,
    bar_interval := $bar_interval,
    trailing_bars := $trailing_bars,
    from_source := $from_source,
    from_schema := $from_schema
)
ORDER BY ticker, ts_event

-- name: splits
-- Every split.
SELECT
    ticker,
    execution_date,
    split_from,
    split_to
FROM splits
ORDER BY ticker, execution_date
