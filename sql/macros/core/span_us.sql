-- core.span_us(span): a duration, given as INTERVAL or text like '30min', in microseconds; a day is 24 hours.
--
-- NULLs: NULL for NULL, for values that cannot be read, and for months, which have no length.
-- Example: SELECT core.span_us(INTERVAL 2 DAY), core.span_us('30min');

CREATE OR REPLACE MACRO core.span_us(span) AS (
    CASE
        WHEN NOT regexp_matches(core.read_interval(span)::VARCHAR, 'month|year')
        THEN epoch_us(core.read_interval(span))
    END
);
