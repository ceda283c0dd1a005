-- The whole time line of a call's session key, as the macro core.bucket_days cuts it: one row per piece.
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
