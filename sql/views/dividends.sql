-- dividends: cash dividends, by which prices are adjusted on request.
--
-- Grain: one row per ticker, ex-date, amount and kind.
-- Inputs: core.latest_dividends; of several reports of one event, the one seen last.
-- NULLs: currency and dividend_type where the source gives none.
-- Columns:
--   ticker: Ticker
--   ex_dividend_date: First date without the right to the dividend
--   cash_amount: Cash for each share
--   currency: Currency of the amount
--   dividend_type: Kind, in the words of the source
--   source: Source of the report
--   seen_at: When it was reported
-- Example: FROM dividends WHERE ticker = 'AAPL';

CREATE OR REPLACE VIEW dividends AS
SELECT
    ticker::VARCHAR AS ticker,
    ex_dividend_date::DATE AS ex_dividend_date,
    cash_amount::DOUBLE AS cash_amount,
    currency::VARCHAR AS currency,
    dividend_type::VARCHAR AS dividend_type,
    source::VARCHAR AS source,
    seen_at::TIMESTAMPTZ AS seen_at
FROM core.latest_dividends;
