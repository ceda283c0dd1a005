-- applied_universe: the configured universe, in its order.
SELECT ticker FROM core.ticker_list WHERE universe_position IS NOT NULL ORDER BY universe_position, ticker;
