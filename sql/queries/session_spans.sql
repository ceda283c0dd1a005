-- The sessions of some calendars ($calendars) from $first_date to $last_date (both included, NULL: no bound): µs bounds.
SELECT
    calendar,
    epoch_us(open_ts) AS open_us,
    epoch_us(close_ts) AS close_us
FROM core.sessions
WHERE list_contains($calendars, calendar)
    AND ($first_date IS NULL OR session_date >= $first_date)
    AND ($last_date IS NULL OR session_date <= $last_date)
ORDER BY calendar, open_ts
