-- Answer a checked request; every argument is bound by name.

-- name: call
-- Call a published macro over series, every argument bound.
SELECT {{columns}}
FROM {{macro}}({{arguments}})

-- name: tickers
-- A request's tickers in the order of a wide table's columns: as requested, else by universe, else by name. With
-- whether bars are stored, whether calendars differ, and the first and last session shown, in days since 1970-01-01.
WITH requested AS (
    SELECT
        chosen.ticker,
        chosen.source IS NOT NULL AS is_stored,
        chosen.is_mixed,
        chosen.session_key,
        (listed.active_from - DATE '1970-01-01')::BIGINT AS first_day,
        (listed.active_to - DATE '1970-01-01')::BIGINT AS last_day,
        listed.universe_position
    FROM core.chosen_series(
        $tickers,
        $bar_interval,
        start_ts := $start_ts,
        end_ts := $end_ts,
        session := $session,
        anchor := $anchor,
        tz := $tz,
        from_source := $from_source,
        from_schema := $from_schema
    ) AS chosen
    LEFT JOIN core.ticker_list AS listed USING (ticker)
    UNION ALL
    -- No rows: an error if an argument is not valid.
    SELECT ticker, is_present, is_present, source, bar_count, bar_count, bar_count
    FROM core.check_call(
        $tickers,
        $bar_interval,
        start_ts := $start_ts,
        end_ts := $end_ts,
        session := $session,
        anchor := $anchor,
        tz := $tz,
        adjust := $adjust,
        from_source := $from_source,
        from_schema := $from_schema
    )
)
SELECT
    ticker,
    is_stored,
    is_mixed,
    session_key,
    first_day,
    last_day
FROM requested
ORDER BY
    list_position($tickers, ticker),
    universe_position,
    ticker

-- name: session_starts
-- The time line of a session key ($session_key) from $first_us to $last_us: where its segments start and end, and their
-- session in days since 1970-01-01.
SELECT
    start_us,
    end_us,
    (session_date - DATE '1970-01-01')::BIGINT AS session_day
FROM core.session_days
WHERE session_key = $session_key
    AND utc_day BETWEEN $first_us::BIGINT // 86400000000 AND $last_us::BIGINT // 86400000000
ORDER BY start_us

-- name: series
-- The stored series that a request reads, one row per ticker; NULL for a ticker without stored bars.
SELECT
    ticker,
    source,
    schema,
    calendar,
    epoch_us(first_ts) AS first_us,
    epoch_us(last_ts) AS last_us
FROM core.chosen_series(
    $tickers,
    $bar_interval,
    start_ts := $start_ts,
    end_ts := $end_ts,
    session := $session,
    anchor := $anchor,
    tz := $tz,
    from_source := $from_source,
    from_schema := $from_schema
)

-- name: files
-- The data files of a call's series that meet [$first_us, $last_us), µs since the epoch; NULL: no bound.
SELECT
    files.path,
    files.byte_size
FROM core.files
INNER JOIN core.chosen_series(
    $tickers,
    $bar_interval,
    start_ts := $start_ts,
    end_ts := $end_ts,
    session := $session,
    anchor := $anchor,
    tz := $tz,
    from_source := $from_source,
    from_schema := $from_schema
) AS chosen USING (ticker, source, schema)
WHERE coalesce(epoch_us(files.ts_max) >= $first_us, true)
    AND coalesce(epoch_us(files.ts_min) < $last_us, true)
ORDER BY files.path

-- name: stored_bars
-- Stored bars of some tickers ($tickers; NULL: all), as the view bars has them, in order of series and time.
--
-- $start_ts and $end_ts are instants (half-open) or dates (whole sessions, the end date included); NULL: open.
-- $session 'regular' keeps the bars within the session's regular hours.
SELECT
    ticker,
    source,
    schema,
    year,
    ts_event,
    open,
    high,
    low,
    close,
    volume,
    vwap,
    transactions
FROM bars_local
WHERE ($tickers IS NULL OR list_contains($tickers, ticker))
    AND ($source IS NULL OR source = $source)
    AND ($schema IS NULL OR schema = $schema)
    AND year >= core.utc_year(core.scan_start($start_ts, '1d', $tz, NULL, NULL, 0))
    AND year <= core.utc_year(core.scan_end($start_ts, $end_ts, '1d', $tz, NULL))
    AND ts_event >= core.scan_start($start_ts, '1d', $tz, NULL, NULL, 0)
    AND ts_event < core.scan_end($start_ts, $end_ts, '1d', $tz, NULL)
    AND ($session = 'all' OR in_session)
    AND CASE
        WHEN core.is_date($start_ts) THEN session_date >= timezone($tz, core.instant($start_ts, $tz))::DATE
        ELSE ts_event >= coalesce(core.instant($start_ts, $tz), ts_event)
    END
    AND CASE
        WHEN core.is_date($end_ts) THEN session_date <= timezone($tz, core.instant($end_ts, $tz))::DATE
        ELSE epoch_us(ts_event) < coalesce(epoch_us(core.instant($end_ts, $tz)), epoch_us(ts_event) + 1)
    END
ORDER BY ticker, source, schema, ts_event

-- name: present_rows
-- The rows that a wide table is filled with: one per ticker and bucket with bars, in no order; `slot` is the ticker's
-- place in $names. The same rows as the macro resampled, whose call was checked before; with $lookback, older ones too.
-- $labels_from and $labels_to choose a chunk of the range.
SELECT
    names.slot,
    epoch_us(resampled.ts_event) AS ts_us,
    {{columns}}
FROM core.resampled(
    $tickers,
    $bar_interval,
    start_ts := $start_ts,
    end_ts := $end_ts,
    session := $session,
    anchor := $anchor,
    tz := $tz,
    adjust := $adjust,
    from_source := $from_source,
    from_schema := $from_schema,
    partial := $partial,
    lookback := $lookback,
    labels_from := $labels_from,
    labels_to := $labels_to
) AS resampled
INNER JOIN (
    SELECT
        unnest($names) AS ticker,
        unnest(range(len($names)))::INTEGER AS slot
) AS names USING (ticker)

-- name: grid_rows
-- The calendar's complete grid of a call, in no order: left edge, and what else a wide table reads of a bucket.
SELECT
    epoch_us(ts_event) AS ts_us,
    {{columns}}
FROM core.call_grid(
    $tickers,
    $bar_interval,
    start_ts := $start_ts,
    end_ts := $end_ts,
    session := $session,
    anchor := $anchor,
    tz := $tz,
    from_source := $from_source,
    from_schema := $from_schema,
    partial := $partial,
    labels_from := $labels_from,
    labels_to := $labels_to
)

-- name: close_column
-- A column of a wide read: the bucket's right edge.
epoch_us(ts_close) AS close_us

-- name: session_column
-- A column of a wide read: the bucket's session, in days since 1970-01-01.
(session_date - DATE '1970-01-01')::BIGINT AS session_day

-- name: in_range_column
-- A column of a wide read: whether the bucket is in the range, not in its lookback.
resampled.in_range

-- name: no_column
-- A column for a wide read that needs no values, only rows.
NULL AS no_field
