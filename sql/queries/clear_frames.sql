-- Take the last call's tickers and bars out of a database of frames.
DELETE FROM core.files;

DELETE FROM core.ticker_settings;
