-- core.is_choice(parameter, given, choices): true, or the error that names the valid words of an option.
--
-- NULLs: NULL is no choice.
-- Example: SELECT core.is_choice('method', 'robust', ['standard', 'robust']);

CREATE OR REPLACE MACRO core.is_choice(parameter, given, choices) AS (
    SELECT CASE
        WHEN coalesce(list_contains(choices, given::VARCHAR), false) THEN true
        ELSE error(
            parameter || ': ' || coalesce('''' || given::VARCHAR || '''', 'NULL') || ' is not a choice (valid: '''
            || list_aggregate(choices, 'string_agg', ''', ''') || ''')'
        )
    END
);
