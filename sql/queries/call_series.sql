-- The stored series that a call reads, one row per ticker; NULL for a ticker of which nothing is stored.
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
    session := $session,
    anchor := $anchor,
    from_source := $from_source,
    from_schema := $from_schema
)
