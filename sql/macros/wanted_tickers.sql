-- core.wanted_tickers(tickers): the tickers that a call names, or the configured universe if it names none.
--
-- Inputs: the list of the call, and the universe of the applied configuration (written in when it is published).
-- NULLs: NULL and [] name none; the answer is [] where no universe is configured either, and means all that is stored.
-- Example: SELECT core.wanted_tickers(['AAPL', 'MSFT']);

CREATE OR REPLACE MACRO core.wanted_tickers(tickers) AS (
    CASE WHEN len(tickers::VARCHAR[]) > 0 THEN tickers::VARCHAR[] ELSE {{universe}}::VARCHAR[] END
);
