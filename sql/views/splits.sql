-- splits: stock splits, by which prices and volumes are adjusted on request.
--
-- Grain: one row per ticker and execution date.
-- Inputs: core.latest_splits; of several reports of one event, the one seen last.
-- NULLs: none.
-- Columns:
--   ticker: Ticker
--   execution_date: First date with prices after the split
--   split_from: Shares before
--   split_to: Shares after: 7 for 1 is split_from 1, split_to 7
--   source: Source of the report
--   seen_at: When it was reported
-- Example: FROM splits WHERE ticker = 'AAPL';

CREATE OR REPLACE VIEW splits AS
SELECT
    ticker::VARCHAR AS ticker,
    execution_date::DATE AS execution_date,
    split_from::DOUBLE AS split_from,
    split_to::DOUBLE AS split_to,
    source::VARCHAR AS source,
    seen_at::TIMESTAMPTZ AS seen_at
FROM core.latest_splits;
