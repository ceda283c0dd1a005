-- core.day_key(session_slot, utc_day): a session key and a UTC day as one number, to join bars and sessions on.
--
-- One integer is hashed and compared twice as fast as a text and an integer.
-- NULLs: NULL for NULL.
-- Example: SELECT core.day_key(1, 19685);

CREATE OR REPLACE MACRO core.day_key(session_slot, utc_day) AS (session_slot::BIGINT * 1000000 + utc_day);
