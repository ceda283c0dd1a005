-- A column of a wide read: the bucket's session, in days since 1970-01-01.
(session_date - DATE '1970-01-01')::BIGINT AS session_day
