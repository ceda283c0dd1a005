-- core.bound_us(bound, tz): the instant of a bound that is one, in microseconds since the epoch.
--
-- NULLs: NULL for an open bound, and for a date, which selects whole sessions.
-- Example: SELECT core.bound_us('2023-01-31 09:30', 'America/New_York');

CREATE OR REPLACE MACRO core.bound_us(bound, tz) AS (
    CASE WHEN NOT core.is_date(bound) THEN epoch_us(core.instant(bound, tz)) END
);
