-- A column of a wide read: whether the bucket lies in the range, and was not only looked back at.
core.is_in_range(ts_event, session_date, $start_ts, $tz) AS in_range
