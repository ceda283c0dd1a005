-- build_dividend_closes: for each dividend and stored series, the last close before the ex-date, raw.
--
-- What core.price_factors needs to turn a dividend into a factor, looked up once instead of in every query. Only the
-- tickers of $tickers are computed anew (NULL: all); needs the views core.bars and core.latest_dividends.
-- Grain of core.dividend_closes: one row per ticker, source, schema and ex-date that has a close in the ten days before.
-- NULLs: none.

CREATE TABLE IF NOT EXISTS core.dividend_closes (
    ticker VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    schema VARCHAR NOT NULL,
    ex_dividend_date DATE NOT NULL,
    previous_close DOUBLE NOT NULL
);
