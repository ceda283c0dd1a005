-- core.choice_problem(parameter, given, choices): the problem of an option that must be one of some words.
--
-- NULLs: NULL is never a choice.
-- Example: SELECT core.choice_problem('method', 'robust', ['standard', 'robust']);

CREATE OR REPLACE MACRO core.choice_problem(parameter, given, choices) AS (
    CASE
        WHEN NOT coalesce(list_contains(choices, given::VARCHAR), false)
        THEN parameter || ': ' || coalesce('''' || given::VARCHAR || '''', 'NULL') || ' is not a choice (valid: '''
            || list_aggregate(choices, 'string_agg', ''', ''') || ''')'
    END
);
