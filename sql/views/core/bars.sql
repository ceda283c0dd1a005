-- core.bars: every stored bar of every schema.
--
-- Grain: one row per ticker, source, schema and bar.
-- Inputs: the views core.bars_…, one per schema; filters on ticker, source, schema and year leave files out unopened.
-- NULLs: prices are NULL where the vendor gave none; vwap and transactions where the vendor has no such field.
-- Columns:
{{bar_column_comments}}
-- Example: SELECT count(*) FROM core.bars WHERE ticker = 'AAPL' AND year = 2023;

CREATE OR REPLACE VIEW core.bars AS
{{schema_arms}};
