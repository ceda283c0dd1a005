-- Read a snapshot's facts once, for the fast path.

-- name: tickers
-- Every ticker, with the grain of its sessions' opens.
SELECT
    listed.ticker,
    listed.calendar,
    listed.calendar_is_inferred,
    listed.session_key,
    listed.universe_position,
    coalesce(keys.open_grain_us, 3600000000) AS open_grain_us,
    listed.active_from IS NOT NULL OR listed.active_to IS NOT NULL AS has_active_range
FROM core.ticker_list AS listed
LEFT JOIN core.session_keys AS keys USING (session_key)

-- name: series
-- Every stored series: ticker, source, schema, width of a bar, offset of its bars from the UTC grid.
SELECT
    ticker,
    source,
    schema,
    step_us,
    epoch_us(first_ts) % step_us AS phase_us
FROM core.series

-- name: files
-- Every active data file, by series in time order; µs bounds, the last one included.
SELECT
    ticker,
    source,
    schema,
    path,
    epoch_us(ts_min) AS min_us,
    epoch_us(ts_max) AS max_us,
    row_count
FROM core.files
ORDER BY ticker, source, schema, ts_min

-- name: sessions
-- Every session of a calendar ($calendar), in order: days since 1970-01-01, µs bounds.
SELECT
    session_date - DATE '1970-01-01' AS day,
    epoch_us(open_ts) AS open_us,
    epoch_us(close_ts) AS close_us
FROM core.sessions
WHERE calendar = $calendar
ORDER BY open_ts

-- name: covered_ranges
-- The ranges with an answer (complete, empty or partial) of every series: µs bounds.
SELECT
    ticker,
    source,
    schema,
    epoch_us(start_ts) AS start_us,
    epoch_us(end_ts) AS end_us
FROM core.coverage
WHERE result IN ('complete', 'empty', 'partial')

-- name: failed_ranges
-- The ranges of some tickers ($tickers) that a source did not give, the newest first: µs bounds and the reason.
SELECT
    ticker,
    epoch_us(start_ts) AS start_us,
    epoch_us(end_ts) AS end_us,
    reason
FROM core.coverage
WHERE result = 'failed'
    AND list_contains($tickers, ticker)
ORDER BY
    generation DESC,
    fetched_at DESC,
    ticker,
    start_us

-- name: session_segments
-- The time line of one session key ($session_key) below a day, buckets counted from the session's open: the
-- segments of the macro core.bucket_days, joined at midnights in UTC.
SELECT
    min(start_us) AS start_us,
    max(end_us) AS end_us,
    any_value(session_date) AS session_date,
    anchor_us,
    any_value(segment_end_us) AS limit_us
FROM core.session_days
WHERE session_key = $session_key
    AND ($session = 'all' OR segment = 'regular')
GROUP BY
    segment,
    anchor_us
ORDER BY start_us

-- name: bucket_segments
-- The whole time line of a call's session key, as the macro core.bucket_days cuts it: one row per segment.
SELECT
    start_us,
    end_us,
    session_date,
    anchor_us,
    limit_us
FROM core.bucket_days(
    $tickers,
    $bar_interval,
    session := $session,
    anchor := $anchor,
    tz := $tz
)
ORDER BY start_us

-- name: bar_times
-- The opens (µs) of the bars of a ticker ($ticker) in some schemas ($schemas) from $start_us to $end_us; NULL: open.
SELECT epoch_us(ts_event) AS ts_us
FROM core.bars
WHERE ticker = $ticker
    AND list_contains($schemas, schema)
    AND ($start_us::BIGINT IS NULL OR ts_event >= make_timestamptz($start_us::BIGINT))
    AND ($end_us::BIGINT IS NULL OR ts_event < make_timestamptz($end_us::BIGINT))

-- name: refused_dividends
-- Dividends that core.price_factors does not apply: one row per series and ex-date, with a sentence that says why.
SELECT
    ticker,
    dividend_closes.source,
    schema,
    ex_dividend_date,
    format(
        'the dividend of {:g} on {} is not below the close before it, {:g}, so it adjusts nothing',
        sum(cash_amount),
        ex_dividend_date,
        min(previous_close)
    ) AS reason
FROM core.dividend_closes
INNER JOIN core.latest_dividends AS dividends USING (ticker, ex_dividend_date)
GROUP BY ticker, dividend_closes.source, schema, ex_dividend_date
HAVING sum(cash_amount) >= min(previous_close)
ORDER BY ticker, ex_dividend_date
