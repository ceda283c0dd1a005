-- core.midnight_us(day, tz): the first instant of a date in a zone, in microseconds since the epoch.
--
-- Where clocks skip midnight it is the instant of the change. Where midnight comes twice, DuckDB returns the second;
-- the hour before it belongs to the date as well. A date that the zone does not have begins when the next one does.
-- NULLs: NULL for NULL.
-- Example: SELECT core.midnight_us(DATE '2024-11-03', 'America/Havana');

CREATE OR REPLACE MACRO core.midnight_us(day, tz) AS (
    epoch_us(timezone(tz, day::TIMESTAMP))
    - 3600000000 * (
        timezone(tz, make_timestamptz(epoch_us(timezone(tz, day::TIMESTAMP)) - 3600000000))::DATE >= day
    )::BIGINT
);
