-- The rows of Polygon flat files ($files), by column name and with the types given ($columns), never sniffed.
-- Lines that are no rows go to DuckDB's reject tables. $tickers NULL: all; a row without a ticker may be anybody's.
SELECT
    ticker,
    window_start // 1000 AS ts_us,
    (window_start % 1000)::SMALLINT AS ts_remainder,
    open,
    high,
    low,
    close,
    volume,
    transactions,
    file_index::INTEGER AS file_index
FROM read_csv(
    $files,
    columns = $columns,
    auto_detect = FALSE,
    header = TRUE,
    delim = ',',
    quote = '"',
    nullstr = '',
    strict_mode = TRUE,
    store_rejects = TRUE
)
WHERE $tickers IS NULL OR ticker IS NULL OR list_contains($tickers, ticker)
