-- Stored bars of some tickers ($tickers; NULL: all), as the view bars has them, in order of series and time.
--
-- $start_ts and $end_ts are instants, half-open, or dates, which take whole sessions, the end date with them; NULL: open.
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
    AND year >= core.utc_year(core.scan_start($start_ts, '1d', $tz))
    AND year <= core.utc_year(core.scan_end($start_ts, $end_ts, '1d', $tz))
    AND ts_event >= core.scan_start($start_ts, '1d', $tz)
    AND ts_event < core.scan_end($start_ts, $end_ts, '1d', $tz)
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
