-- core.interval_hint(bar_interval): what to write for a text that core.read_interval cannot read, behind a colon.
--
-- mtstore.intervals gives the same hints.
-- NULLs: none; an empty text where it is not known what is meant.
-- Example: SELECT core.interval_hint('5T'), core.interval_hint('1M');

CREATE OR REPLACE MACRO core.interval_hint(bar_interval) AS (
    CASE
        WHEN core.read_interval(bar_interval) IS NOT NULL THEN ''
        WHEN regexp_full_match(bar_interval::VARCHAR, '[0-9]{1,6}')
        THEN ': it has no unit; write ' || bar_interval::VARCHAR || 'min for minutes'
        WHEN regexp_full_match(bar_interval::VARCHAR, '[0-9]{0,6} ?M')
        THEN ': M is a minute to some and a month to others: write '
            || coalesce(nullif(regexp_extract(bar_interval::VARCHAR, '[0-9]*'), ''), '1') || 'min or 1mo'
        WHEN regexp_full_match(
            bar_interval::VARCHAR, '[0-9]{0,6} ?(T|(?i:m|mins?|minutes?|s|secs?|seconds?|h|hrs?|hours?))'
        )
        THEN ': write ' || coalesce(nullif(regexp_extract(bar_interval::VARCHAR, '[0-9]*'), ''), '1')
            || CASE upper(regexp_extract(bar_interval::VARCHAR, '[A-Za-z]'))
                WHEN 'S' THEN 's' WHEN 'H' THEN 'h' ELSE 'min' END
        WHEN regexp_full_match(bar_interval::VARCHAR, '[0-9]{0,6} ?(?i:b|d|days?)') THEN ': write 1d'
        WHEN regexp_full_match(bar_interval::VARCHAR, '[0-9]{0,6} ?(?i:w|wk|weeks?)') THEN ': write 1w'
        WHEN regexp_full_match(bar_interval::VARCHAR, '[0-9]{0,6} ?(MS|ME|(?i:mo|mon|months?))') THEN ': write 1mo'
        ELSE ''
    END
);
