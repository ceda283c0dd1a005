-- core.lies_before(close_us, last_date, end_us, end_date): whether a bucket lies before the end of a range.
--
-- An end date is included; at an instant a bucket may end. See core.lies_after.
-- NULLs: true for an open end, of which both forms are NULL.
-- Example: SELECT core.lies_before(0, DATE '2024-01-19', NULL, DATE '2024-01-17');

CREATE OR REPLACE MACRO core.lies_before(close_us, last_date, end_us, end_date) AS (
    coalesce(last_date <= end_date, close_us <= end_us, true)
);
