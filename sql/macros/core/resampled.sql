-- core.resampled(tickers, bar_interval, …): a call's stored bars in buckets of any width; see resampled.
--
-- Grain: one row per ticker and bucket that has at least one bar.
-- Inputs: core.chosen_intraday_bars, core.chosen_daily_bars, core.bucket_days, core.price_factors.
-- Bars of sessions before a ticker's active_from or after its active_to are left out.
-- NULLs: NULL prices are passed over; vwap is NULL if a bar with volume has none, or if nothing was traded.
-- Columns:
{{resampled_columns}}
-- Example: FROM core.resampled(['AAPL'], '5min', start_ts := DATE '2023-01-03', end_ts := DATE '2023-01-31');

CREATE OR REPLACE MACRO core.resampled(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    adjust := {{adjust}},
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH chosen AS MATERIALIZED (
    SELECT s.ticker, s.ticker_slot, s.source, s.schema
    FROM core.chosen_series(
        tickers, bar_interval, session := session, anchor := anchor, from_source := from_source,
        from_schema := from_schema
    ) AS s
),
idle_spans AS MATERIALIZED (
    SELECT c.ticker_slot, DATE '0001-01-01' AS first_date, t.active_from - 1 AS last_date
    FROM chosen AS c
    JOIN core.ticker_list AS t USING (ticker)
    WHERE t.active_from IS NOT NULL
    UNION ALL
    SELECT c.ticker_slot, t.active_to + 1, DATE '9999-12-31'
    FROM chosen AS c
    JOIN core.ticker_list AS t USING (ticker)
    WHERE t.active_to IS NOT NULL
),
bucket_days AS MATERIALIZED (
    SELECT d.*
    FROM core.bucket_days(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema
    ) AS d
),
dated_bars AS (
    SELECT
        b.ticker_slot,
        b.ts_us,
        d.session_date,
        CASE core.interval_unit(bar_interval)
            WHEN 'intraday' THEN
                d.anchor_us + (b.ts_us - d.anchor_us) // core.step_us(bar_interval) * core.step_us(bar_interval)
            ELSE d.anchor_us
        END AS label_us,
        d.limit_us,
        b.open,
        b.high,
        b.low,
        b.close,
        b.volume,
        b.vwap,
        b.transactions
    FROM core.chosen_intraday_bars(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema
    ) AS b
    JOIN bucket_days AS d
        ON d.day_key = b.day_key
        AND b.ts_us >= d.start_us
        AND b.ts_us < d.end_us
    UNION ALL
    SELECT
        ticker_slot,
        ts_us,
        session_date,
        epoch_us(timezone(tz, label_date::TIMESTAMP)),
        greatest(
            epoch_us(timezone(tz, CASE core.interval_unit(bar_interval)
                WHEN 'week' THEN label_date + 7
                WHEN 'month' THEN (label_date + INTERVAL 1 MONTH)::DATE
                ELSE label_date + 1
            END::TIMESTAMP)),
            epoch_us(timezone(day_tz, (session_date + 1)::TIMESTAMP))
        ),
        open,
        high,
        low,
        close,
        volume,
        vwap,
        transactions
    FROM (
        SELECT
            *,
            CASE core.interval_unit(bar_interval)
                WHEN 'week' THEN date_trunc('week', session_date)::DATE
                WHEN 'month' THEN date_trunc('month', session_date)::DATE
                ELSE session_date
            END AS label_date
        FROM (
            SELECT b.*, timezone(b.day_tz, make_timestamptz(b.ts_us))::DATE AS session_date
            FROM core.chosen_daily_bars(
                tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session,
                anchor := anchor, tz := tz, from_source := from_source, from_schema := from_schema
            ) AS b
        ) AS daily_bars
    ) AS labelled_bars
    WHERE core.is_day_in_range(label_date, start_ts, end_ts, tz)
),
bars_in_range AS (
    SELECT b.*
    FROM dated_bars AS b
    ANTI JOIN idle_spans AS i
        ON i.ticker_slot = b.ticker_slot
        AND b.session_date >= i.first_date
        AND b.session_date <= i.last_date
    WHERE core.is_time_in_range(label_us, start_ts, end_ts, tz)
),
adjusted_bars AS (
    SELECT
        b.ticker_slot,
        b.label_us,
        b.limit_us,
        b.ts_us,
        b.session_date,
        CASE WHEN adjust IN ('splits', 'all') THEN b.open * coalesce(f.price_factor, 1) ELSE b.open END AS open,
        CASE WHEN adjust IN ('splits', 'all') THEN b.high * coalesce(f.price_factor, 1) ELSE b.high END AS high,
        CASE WHEN adjust IN ('splits', 'all') THEN b.low * coalesce(f.price_factor, 1) ELSE b.low END AS low,
        CASE WHEN adjust IN ('splits', 'all') THEN b.close * coalesce(f.price_factor, 1) ELSE b.close END AS close,
        CASE WHEN adjust IN ('splits', 'all') THEN b.volume * coalesce(f.volume_factor, 1) ELSE b.volume END AS volume,
        CASE WHEN adjust IN ('splits', 'all') THEN b.vwap * coalesce(f.price_factor, 1) ELSE b.vwap END AS vwap,
        b.transactions
    FROM bars_in_range AS b
    LEFT JOIN core.price_factors(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema
    ) AS f
        ON f.ticker_slot = b.ticker_slot
        AND f.session_date = b.session_date
),
buckets AS (
    SELECT
        ticker_slot,
        label_us,
        max(limit_us) AS limit_us,
        min(session_date) AS session_date,
        arg_min(open, ts_us) AS open,
        max(high) AS high,
        min(low) AS low,
        arg_max(close, ts_us) AS close,
        sum(volume) AS volume,
        CASE
            WHEN count(*) = 1 THEN min(vwap)
            WHEN count(CASE WHEN volume > 0 AND vwap IS NULL THEN 1 END) = 0
                THEN sum(vwap * volume) / nullif(sum(volume), 0)
        END AS vwap,
        sum(transactions) AS transactions,
        count(*) AS bar_count
    FROM adjusted_bars
    GROUP BY ticker_slot, label_us
)
SELECT
    c.ticker::VARCHAR AS ticker,
    make_timestamptz(b.label_us)::TIMESTAMPTZ AS ts_event,
    make_timestamptz(CASE core.interval_unit(bar_interval)
        WHEN 'intraday' THEN least(b.label_us + core.step_us(bar_interval), b.limit_us)
        ELSE b.limit_us
    END)::TIMESTAMPTZ AS ts_close,
    CASE
        WHEN core.interval_unit(bar_interval) IN ('week', 'month') THEN timezone(tz, make_timestamptz(b.label_us))::DATE
        ELSE b.session_date
    END::DATE AS session_date,
    b.open::DOUBLE AS open,
    b.high::DOUBLE AS high,
    b.low::DOUBLE AS low,
    b.close::DOUBLE AS close,
    b.volume::DOUBLE AS volume,
    b.vwap::DOUBLE AS vwap,
    b.transactions::BIGINT AS transactions,
    b.bar_count::BIGINT AS bar_count,
    c.source::VARCHAR AS source,
    c.schema::VARCHAR AS schema
FROM buckets AS b
JOIN chosen AS c USING (ticker_slot);
