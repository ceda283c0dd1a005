-- core.lies_after(label_us, first_date, start_us, start_date): whether a bucket lies after the start of a range.
--
-- With core.lies_before the rule of ranges: a bucket belongs to a range if it lies wholly inside. A date takes buckets
-- by their sessions (start_date, inclusive), an instant by their edges (start_us).
-- NULLs: true for an open start, of which both forms are NULL.
-- Example: SELECT core.lies_after(0, DATE '2024-06-03', NULL, DATE '2024-06-03');

CREATE OR REPLACE MACRO core.lies_after(label_us, first_date, start_us, start_date) AS (
    coalesce(first_date >= start_date, label_us >= start_us, true)
);
