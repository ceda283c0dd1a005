-- The rows that a wide table is filled with: one per ticker and bucket with bars, in no order; `slot` is the ticker's
-- place in $names. The same rows as the macro resampled, whose call was checked before; with $lookback, older ones too.
SELECT
    names.slot,
    epoch_us(resampled.ts_event) AS ts_us,
    {{columns}}
FROM core.resampled(
    $tickers,
    $bar_interval,
    start_ts := core.look_back($start_ts, $lookback, $tz),
    end_ts := $end_ts,
    session := $session,
    anchor := $anchor,
    tz := $tz,
    adjust := $adjust,
    from_source := $from_source,
    from_schema := $from_schema
) AS resampled
INNER JOIN (
    SELECT
        unnest($names) AS ticker,
        unnest(range(len($names)))::INTEGER AS slot
) AS names USING (ticker)
WHERE $lookback::VARCHAR IS NULL OR core.is_reached(resampled.ts_event, resampled.session_date, $start_ts, $lookback, $tz)
