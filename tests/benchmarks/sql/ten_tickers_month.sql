SELECT
    ticker,
    ts_event,
    close
FROM aligned_outer($tickers, '1min', start_ts := '2023-01-01'::DATE, end_ts := '2023-01-31'::DATE);
