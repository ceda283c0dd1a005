-- quality: expected, present and suspicious bars of each ticker and session in the store.
--
-- With every ticker's configured limits. It looks at every stored bar: for a few tickers or a range, call the macro
-- of the same name.
-- Grain: one row per ticker and session, from the ticker's first session with bars to its last.
-- Inputs: core.quality.
-- NULLs: first_bar and last_bar in a session without bars; source and schema, too, of a ticker without stored bars.
-- Columns:
{{quality_columns}}
-- Example: SELECT session_date, avg(completeness) FROM quality GROUP BY session_date ORDER BY session_date;

CREATE OR REPLACE VIEW quality AS
SELECT *
FROM core.quality(NULL, NULL);
