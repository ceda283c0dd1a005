-- core.latest_splits: stock splits, by which prices and volumes are adjusted on request.
--
-- Grain: one row per event; a ticker may have several on one date.
-- Inputs: core.splits; of several sources with events of a ticker and date, the one seen last.
-- NULLs: event_id where the source gives none.
-- Columns:
--   ticker: Ticker
--   execution_date: First date with prices after the split
--   split_from: Shares before
--   split_to: Shares after: 7 for 1 is split_from 1, split_to 7
--   source: Source of the report
--   seen_at: When it was reported
--   event_id: Id of the event at its source
-- Example: FROM core.latest_splits WHERE ticker = 'AAPL';

CREATE OR REPLACE VIEW core.latest_splits AS
SELECT
    ticker::VARCHAR AS ticker,
    execution_date::DATE AS execution_date,
    split_from::DOUBLE AS split_from,
    split_to::DOUBLE AS split_to,
    source::VARCHAR AS source,
    seen_at::TIMESTAMPTZ AS seen_at,
    event_id::VARCHAR AS event_id
FROM (
    SELECT *, max(seen_at) OVER (PARTITION BY ticker, execution_date, source) AS source_seen_at
    FROM core.splits
) AS reports
QUALIFY dense_rank() OVER (PARTITION BY ticker, execution_date ORDER BY source_seen_at DESC, source ASC) = 1;
