-- core.{{plain_name}}: every stored bar of the schema {{plain_schema}}, read from exactly the files of this generation.
--
-- Grain: one row per ticker, source and bar; ts_event is unique within a ticker and source.
-- Inputs: the parquet files listed below; filters on ticker, source and year leave files out unopened.
-- NULLs: prices are NULL where the vendor gave none; vwap and transactions where the vendor has no such field.
-- Columns:
{{bar_column_comments}}
-- Example: FROM core.{{plain_name}} WHERE ticker = 'AAPL' AND year = 2023;

CREATE OR REPLACE VIEW core.{{view}} AS
SELECT
    ticker::VARCHAR AS ticker,
    source::VARCHAR AS source,
    schema::VARCHAR AS schema,
    {{year}}::INTEGER AS year,
    ts_event::TIMESTAMPTZ AS ts_event,
    open::DOUBLE AS open,
    high::DOUBLE AS high,
    low::DOUBLE AS low,
    close::DOUBLE AS close,
    volume::DOUBLE AS volume,
    vwap::DOUBLE AS vwap,
    transactions::BIGINT AS transactions
FROM {{files}};
