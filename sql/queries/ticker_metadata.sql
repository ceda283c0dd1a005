-- ticker_metadata: every ticker that somebody configured or described, and its metadata as JSON text or NULL.
SELECT ticker, metadata FROM core.ticker_settings ORDER BY ticker;
