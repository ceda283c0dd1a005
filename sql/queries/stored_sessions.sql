-- The sessions of one calendar ($calendar) that the store knows, in µs since the epoch.
SELECT
    session_date,
    epoch_us(open_ts) AS open_us,
    epoch_us(close_ts) AS close_us
FROM core.sessions
WHERE calendar = $calendar
ORDER BY open_ts
