-- core.wanted_tickers(tickers): the tickers that a call names, or the configured universe if it names none.
--
-- Inputs: the list of the call, or one ticker as text; the universe of the applied configuration (written in when it is
--   published).
-- NULLs: NULL and [] name none; the answer is [] where no universe is configured either, and means all that is stored.
-- Example: SELECT core.wanted_tickers(['AAPL', 'MSFT']);

CREATE OR REPLACE MACRO core.wanted_tickers(tickers) AS (
    CASE
        WHEN len(TRY_CAST(tickers AS VARCHAR[])) > 0 THEN TRY_CAST(tickers AS VARCHAR[])
        WHEN tickers IS NOT NULL AND TRY_CAST(tickers AS VARCHAR[]) IS NULL THEN [tickers::VARCHAR]
        ELSE {{universe}}::VARCHAR[]
    END
);
