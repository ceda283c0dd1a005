-- bars: every stored bar, raw, as the vendors gave it.
--
-- Prices are never adjusted here (see adjust of resampled). Say ticker, and schema or year too, and only the files of
-- those are opened; ts_event alone never leaves a file out.
-- Grain: one row per ticker, source, schema and bar.
-- Inputs: the store's parquet files.
-- NULLs: prices are NULL where the vendor gave none; vwap and transactions where the vendor has no such field.
-- Columns:
{{bar_column_comments}}
-- Example: FROM bars WHERE ticker = 'AAPL' AND schema = 'ohlcv-1m' AND year = 2023 ORDER BY ts_event;

CREATE OR REPLACE VIEW bars AS
SELECT
    ticker::VARCHAR AS ticker,
    source::VARCHAR AS source,
    schema::VARCHAR AS schema,
    year::INTEGER AS year,
    ts_event::TIMESTAMPTZ AS ts_event,
    open::DOUBLE AS open,
    high::DOUBLE AS high,
    low::DOUBLE AS low,
    close::DOUBLE AS close,
    volume::DOUBLE AS volume,
    vwap::DOUBLE AS vwap,
    transactions::BIGINT AS transactions
FROM core.bars;
