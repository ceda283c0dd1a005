-- The tickers whose bars are never evicted, in order of name.
SELECT ticker FROM core.pins ORDER BY ticker
