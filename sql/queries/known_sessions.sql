-- Every session of a calendar ($calendar), in order: days since 1970-01-01, µs bounds.
SELECT
    session_date - DATE '1970-01-01' AS day,
    epoch_us(open_ts) AS open_us,
    epoch_us(close_ts) AS close_us
FROM core.sessions
WHERE calendar = $calendar
ORDER BY open_ts
