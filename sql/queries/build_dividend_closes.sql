-- build_dividend_closes: for the dividends of $tickers, the last regular close before each ex-date, raw, in every series.
--
-- What core.price_factors needs to turn a dividend into a factor, looked up once instead of in every query.
-- Grain of the result: one row per ticker, source, schema and ex-date with a close in the ten days before.
-- Inputs: core.latest_dividends, core.bars, core.series, core.ticker_list, core.session_days.
-- NULLs: none.
INSERT INTO core.dividend_closes BY NAME
WITH days_before AS (
    SELECT d.ticker, d.ex_dividend_date, d.ex_dividend_date - back.days::INTEGER AS session_date
    FROM (SELECT DISTINCT ticker, ex_dividend_date FROM core.latest_dividends) AS d
    CROSS JOIN range(1, 11) AS back (days)
    WHERE list_contains($tickers::VARCHAR[], d.ticker)
),
dated_bars AS (
    SELECT
        b.ticker,
        b.source,
        b.schema,
        b.ts_event,
        b.close,
        CASE WHEN s.step_us >= 86400000000 THEN timezone(s.day_tz, b.ts_event)::DATE ELSE d.session_date END AS session_date
    FROM core.bars AS b
    JOIN core.series AS s USING (ticker, source, schema)
    JOIN core.ticker_list AS t USING (ticker)
    LEFT JOIN core.session_days AS d
        ON d.session_key = t.session_key
        AND d.utc_day = epoch_us(b.ts_event) // 86400000000
        AND d.segment = 'regular'
        AND epoch_us(b.ts_event) >= d.start_us
        AND epoch_us(b.ts_event) < d.end_us
    WHERE list_contains($tickers::VARCHAR[], b.ticker)
        AND b.close IS NOT NULL
)
SELECT
    b.ticker,
    b.source,
    b.schema,
    d.ex_dividend_date,
    arg_max(b.close, b.ts_event) AS previous_close
FROM dated_bars AS b
JOIN days_before AS d USING (ticker, session_date)
GROUP BY b.ticker, b.source, b.schema, d.ex_dividend_date;
