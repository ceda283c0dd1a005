-- dividends: cash dividends, by which prices are adjusted on request.
--
-- Grain: one row per event; a ticker may have several on one date.
-- Inputs: core.latest_dividends; of several sources with events of a ticker and date, the one seen last.
-- NULLs: currency, dividend_type and event_id where the source gives none.
-- Columns:
--   ticker: Ticker
--   ex_dividend_date: First date without the right to the dividend
--   cash_amount: Cash for each share
--   currency: Currency of the amount
--   dividend_type: Kind, in the words of the source
--   source: Source of the report
--   seen_at: When it was reported
--   event_id: Id of the event at its source
-- Example: FROM dividends WHERE ticker = 'AAPL';

CREATE OR REPLACE VIEW dividends AS
SELECT
    ticker::VARCHAR AS ticker,
    ex_dividend_date::DATE AS ex_dividend_date,
    cash_amount::DOUBLE AS cash_amount,
    currency::VARCHAR AS currency,
    dividend_type::VARCHAR AS dividend_type,
    source::VARCHAR AS source,
    seen_at::TIMESTAMPTZ AS seen_at,
    event_id::VARCHAR AS event_id
FROM core.latest_dividends;
