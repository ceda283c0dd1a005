-- forget_dividend_closes: make room for the closes of $tickers.
DELETE FROM core.dividend_closes WHERE list_contains($tickers::VARCHAR[], ticker);
