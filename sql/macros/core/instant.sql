-- core.instant(bound, tz): a bound of a range as an instant, whatever the client's TimeZone is.
--
-- A TIMESTAMPTZ, or text with an offset, is the instant itself; a TIMESTAMP, or text without one, is wall time in tz; a
-- date is its midnight in tz.
-- NULLs: NULL for NULL, for values that cannot be read, and for infinity.
-- Example: SELECT core.instant('2023-01-31 09:30', 'America/New_York'), core.instant('2023-01-31T14:30Z', 'UTC');

CREATE OR REPLACE MACRO core.instant(bound, tz) AS (
    CASE
        WHEN regexp_matches(bound::VARCHAR, ':.*[Z+-]')
            THEN TRY_CAST(regexp_replace(bound::VARCHAR, '^(.{16}) ?([Z+-])', '\1:00\2') AS TIMESTAMPTZ)
        ELSE timezone(tz, TRY_CAST(bound::VARCHAR AS TIMESTAMP))
    END
);
