-- The time line of one session key ($session_key) below a day, buckets counted from the session's open: the pieces of
-- the macro core.bucket_days, joined where a midnight in UTC had cut them.
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
