-- core.with_ticker(tickers, ticker): the tickers of a call and one more.
--
-- NULLs: a call without tickers takes the universe, or where none is configured, all stored tickers.
-- Example: SELECT core.with_ticker(['AAPL'], 'SPY');

CREATE OR REPLACE MACRO core.with_ticker(tickers, ticker) AS (
    CASE WHEN len(core.wanted_tickers(tickers)) = 0 THEN []
        ELSE list_distinct(list_append(core.wanted_tickers(tickers), ticker::VARCHAR)) END
);
