-- core.price_factors(tickers, bar_interval, …): the factors of raw prices and volumes on each session date.
--
-- A bar is adjusted for every split, and with adjust 'all' every cash dividend, between its date and the session of
-- the last stored bar. A dividend's factor is 1 - cash / the last close before its ex-date, however long ago that was;
-- volumes follow splits alone. Splits of one date multiply, cash amounts of one date are summed. Where a split is
-- executed on the ex-date, it applies first, and the amount is for a share after it.
-- Grain: one row per ticker and date on which a factor differs from 1; other dates have no row.
-- Inputs: core.latest_splits, core.latest_dividends, core.dividend_closes, core.chosen_series, core.session_days.
-- NULLs: none; a dividend whose previous close is not stored, or is not above it, adjusts nothing.
-- Columns:
--   ticker_slot: Number of the ticker in the call
--   session_date: Session date
--   price_factor: Factor of prices
--   volume_factor: Factor of volume
-- Example: FROM core.price_factors(['AAPL'], INTERVAL 1 DAY, adjust := 'splits');

CREATE OR REPLACE MACRO core.price_factors(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    adjust := {{adjust}},
    from_source := NULL,
    from_schema := NULL,
    lookback := NULL,
    labels_from := NULL,
    labels_to := NULL
) AS TABLE
WITH chosen AS (
    SELECT
        s.ticker,
        s.ticker_slot,
        s.source,
        s.schema,
        timezone('UTC', s.first_ts)::DATE - 1 AS first_date,
        CASE WHEN s.step_us >= 86400000000 THEN timezone(s.day_tz, s.last_ts)::DATE
            ELSE coalesce(d.session_date, timezone('UTC', s.last_ts)::DATE) END AS last_date
    FROM core.chosen_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema
    ) AS s
    LEFT JOIN core.session_days AS d
        ON d.session_key = s.session_key
        AND d.utc_day = epoch_us(s.last_ts) // 86400000000
        AND epoch_us(s.last_ts) >= d.start_us
        AND epoch_us(s.last_ts) < d.end_us
    WHERE s.source IS NOT NULL
),
events AS (
    SELECT
        c.ticker_slot,
        c.first_date,
        s.execution_date AS event_date,
        s.split_from / s.split_to AS price_factor,
        s.split_to / s.split_from AS volume_factor
    FROM core.latest_splits AS s
    JOIN chosen AS c USING (ticker)
    WHERE adjust IN ('splits', 'all')
        AND s.execution_date <= c.last_date
    UNION ALL
    SELECT
        c.ticker_slot,
        c.first_date,
        d.ex_dividend_date,
        1 - sum(d.cash_amount) / min(p.previous_close),
        1.0
    FROM core.latest_dividends AS d
    JOIN chosen AS c USING (ticker)
    JOIN core.dividend_closes AS p
        ON p.ticker = c.ticker
        AND p.source = c.source
        AND p.schema = c.schema
        AND p.ex_dividend_date = d.ex_dividend_date
    WHERE adjust = 'all'
        AND d.ex_dividend_date <= c.last_date
    GROUP BY c.ticker_slot, c.first_date, d.ex_dividend_date
    HAVING min(p.previous_close) > sum(d.cash_amount)
),
event_dates AS (
    SELECT
        ticker_slot,
        first_date,
        event_date,
        product(price_factor) AS price_factor,
        product(volume_factor) AS volume_factor
    FROM events
    GROUP BY ticker_slot, first_date, event_date
),
steps AS (
    SELECT
        ticker_slot,
        greatest(
            coalesce(lag(event_date) OVER (PARTITION BY ticker_slot ORDER BY event_date ASC), first_date),
            first_date,
            timezone('UTC', core.scan_start(start_ts, bar_interval, tz, lookback, labels_from, 0))::DATE - 1
        ) AS from_date,
        least(
            event_date, timezone('UTC', core.scan_end(start_ts, end_ts, bar_interval, tz, labels_to))::DATE + 1
        ) AS to_date,
        product(price_factor) OVER later AS price_factor,
        product(volume_factor) OVER later AS volume_factor
    FROM event_dates
    WINDOW later AS (PARTITION BY ticker_slot ORDER BY event_date ASC ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
),
days AS (
    SELECT
        *,
        unnest(range((from_date - DATE '1970-01-01')::BIGINT, (to_date - DATE '1970-01-01')::BIGINT)) AS day
    FROM steps
    WHERE from_date < to_date
)
SELECT
    ticker_slot::INTEGER AS ticker_slot,
    (DATE '1970-01-01' + day::INTEGER)::DATE AS session_date,
    price_factor::DOUBLE AS price_factor,
    volume_factor::DOUBLE AS volume_factor
FROM days;
