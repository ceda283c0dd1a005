-- One schema's bars read from the relation of frames in memory, in place of files: the columns of parts/schema_view.
CREATE OR REPLACE VIEW core.{{view}} AS
SELECT
    ticker::VARCHAR AS ticker,
    'frames'::VARCHAR AS source,
    {{schema}}::VARCHAR AS schema,
    year(timezone('UTC', ts_event))::INTEGER AS year,
    ts_event::TIMESTAMPTZ AS ts_event,
    open::DOUBLE AS open,
    high::DOUBLE AS high,
    low::DOUBLE AS low,
    close::DOUBLE AS close,
    volume::DOUBLE AS volume,
    vwap::DOUBLE AS vwap,
    transactions::BIGINT AS transactions
FROM {{relation}};
