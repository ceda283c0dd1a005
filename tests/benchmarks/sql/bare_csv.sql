SELECT
    count(ticker) AS tickers,
    sum(volume) AS volume,
    sum(open) AS open,
    sum(close) AS close,
    sum(high) AS high,
    sum(low) AS low,
    max(window_start) AS window_start,
    sum(transactions) AS transactions
FROM read_csv(
    getvariable('files'),
    header = true,
    columns = {
        'ticker': 'VARCHAR',
        'volume': 'DOUBLE',
        'open': 'DOUBLE',
        'close': 'DOUBLE',
        'high': 'DOUBLE',
        'low': 'DOUBLE',
        'window_start': 'BIGINT',
        'transactions': 'BIGINT'
    }
);
