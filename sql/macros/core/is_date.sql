-- core.is_date(bound): whether a bound of a range is a bare date, which selects whole sessions by their date.
--
-- NULLs: false for NULL.
-- Example: SELECT core.is_date(DATE '2023-01-31'), core.is_date('2023-01-31 00:00');

CREATE OR REPLACE MACRO core.is_date(bound) AS (coalesce(length(bound::VARCHAR), 0) = 10);
