-- core.is_readable(bound): whether a bound of a range is written as a date or a time that we read.
--
-- Some versions of DuckDB cast more than that, and pass over what they do not understand, such as a zone's name.
-- NULLs: NULL for NULL.
-- Example: SELECT core.is_readable('2023-01-31 09:30'), core.is_readable('2023-01-31 09:30 America/New_York');

CREATE OR REPLACE MACRO core.is_readable(bound) AS (
    regexp_full_match(
        bound::VARCHAR,
        '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?'
    )
);
