-- core.is_wanted(tickers, name): whether the ticker `name` is part of a call.
--
-- Nothing but constants beside the column: DuckDB can then leave out, unopened, the files of other tickers.
-- NULLs: false for a NULL name in a call that names tickers.
-- Example: FROM core.files WHERE core.is_wanted(['AAPL'], ticker);

CREATE OR REPLACE MACRO core.is_wanted(tickers, name) AS (
    len(core.wanted_tickers(tickers)) = 0 OR list_contains(core.wanted_tickers(tickers), name)
);
