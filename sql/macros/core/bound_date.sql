-- core.bound_date(bound): the date of a bound that selects whole sessions.
--
-- NULLs: NULL for an open bound, and for one that is an instant.
-- Example: SELECT core.bound_date(DATE '2023-01-31'), core.bound_date('2023-01-31 00:00');

CREATE OR REPLACE MACRO core.bound_date(bound) AS (
    CASE WHEN core.is_date(bound) THEN TRY_CAST(bound::VARCHAR AS DATE) END
);
