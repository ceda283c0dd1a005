-- core.latest_splits: stock splits, by which prices and volumes are adjusted on request.
--
-- Grain: one row per ticker and execution date.
-- Inputs: core.splits; of several reports of one event, the one seen last.
-- NULLs: none.
-- Columns:
--   ticker: Ticker
--   execution_date: First date with prices after the split
--   split_from: Shares before
--   split_to: Shares after: 7 for 1 is split_from 1, split_to 7
--   source: Source of the report
--   seen_at: When it was reported
-- Example: FROM core.latest_splits WHERE ticker = 'AAPL';

CREATE OR REPLACE VIEW core.latest_splits AS
SELECT
    ticker::VARCHAR AS ticker,
    execution_date::DATE AS execution_date,
    split_from::DOUBLE AS split_from,
    split_to::DOUBLE AS split_to,
    source::VARCHAR AS source,
    seen_at::TIMESTAMPTZ AS seen_at
FROM core.splits
QUALIFY row_number() OVER (PARTITION BY ticker, execution_date ORDER BY seen_at DESC, source) = 1;
