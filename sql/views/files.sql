-- files: the parquet files that this generation of the store is made of.
--
-- Grain: one row per file.
-- Inputs: core.files.
-- NULLs: year for daily bars, which are not divided by year.
-- Columns:
--   path: Path of the file, relative to the store
--   schema: Schema of its bars
--   source: Source of its bars
--   ticker: Ticker of its bars
--   year: UTC year of its bars
--   row_count: Number of bars
--   byte_size: Size in bytes
--   ts_min: Open of its first bar, UTC
--   ts_max: Open of its last bar, UTC
--   written_at: When it was written
--   generation: Generation of the store that added it
-- Example: SELECT schema, count(*), sum(byte_size) FROM files GROUP BY schema;

CREATE OR REPLACE VIEW files AS
SELECT
    path::VARCHAR AS path,
    schema::VARCHAR AS schema,
    source::VARCHAR AS source,
    ticker::VARCHAR AS ticker,
    year::INTEGER AS year,
    row_count::BIGINT AS row_count,
    byte_size::BIGINT AS byte_size,
    ts_min::TIMESTAMPTZ AS ts_min,
    ts_max::TIMESTAMPTZ AS ts_max,
    written_at::TIMESTAMPTZ AS written_at,
    generation::BIGINT AS generation
FROM core.files;
