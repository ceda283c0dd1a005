-- core.store_problem(store): the problem if a macro of another store, or copy, calls this one; else NULL.
--
-- DuckDB looks up what a macro reads in the caller's search path. Where two stores are attached, a published macro of
-- the one would answer with the other's rows; so each passes its own store to this check (core.check_call).
-- NULLs: the result is NULL if there is no problem.
-- Example: SELECT core.store_problem('another');

CREATE OR REPLACE MACRO core.store_problem(store) AS (
    CASE WHEN store <> {{store}} THEN
        'search_path: it leads to another store, or another copy, than the macro that was called (valid: USE of the'
        || ' macro''s own database, or, where that is attached as m, SET search_path = ''memory.main,m.main,m.core'')'
    END
);
