-- core.resampled(tickers, bar_interval, …): a call's stored bars in buckets of any width; see resampled.
--
-- Grain: one row per ticker and bucket that has at least one bar.
-- Inputs: core.chosen_intraday_bars, core.chosen_daily_bars, core.bucket_days, core.daily_buckets, core.price_factors.
-- Bars of sessions before a ticker's active_from or after its active_to are left out. With a lookback also the buckets
-- from before the range (in_range false). labels_from and labels_to (TIMESTAMPTZ) choose a chunk of the range, by the
-- left edges of its buckets.
-- NULLs: NULL prices are passed over; vwap is NULL if a bar with volume has none, or if nothing was traded.
-- Columns:
{{resampled_columns}}
--   in_range: Whether the bucket is in the range, not before it
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
    from_schema := NULL,
    partial := 'drop',
    lookback := NULL,
    labels_from := NULL,
    labels_to := NULL
) AS TABLE
WITH chosen AS MATERIALIZED (
    SELECT s.ticker, s.ticker_slot, s.source, s.schema
    FROM core.chosen_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema
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
        from_source := from_source, from_schema := from_schema, partial := partial, lookback := lookback,
        labels_from := labels_from, labels_to := labels_to
    ) AS d
),
placed_bars AS (
    SELECT
        b.*,
        d.session_date,
        d.bucket_date,
        core.bucket_label(b.ts_us, d.anchor_us, bar_interval) AS label_us,
        core.bucket_close(core.bucket_label(b.ts_us, d.anchor_us, bar_interval), d.limit_us, bar_interval) AS limit_us,
        least(b.ts_us + b.step_us, d.segment_end_us) AS bar_end_us,
        d.range_start_us,
        d.range_end_us,
        d.earlier_end_us
    FROM core.chosen_intraday_bars(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema, lookback := lookback, labels_from := labels_from,
        labels_to := labels_to
    ) AS b
    JOIN bucket_days AS d
        ON d.day_key = b.day_key
        AND b.ts_us >= d.start_us
        AND b.ts_us < d.end_us
),
ranged_bars AS (
    SELECT
        *,
        CASE
            WHEN partial = 'cut' THEN ts_us >= range_start_us AND bar_end_us <= range_end_us
            ELSE label_us >= range_start_us AND limit_us <= range_end_us
        END AS in_range
    FROM placed_bars
    WHERE core.is_labelled_within(label_us, labels_from, labels_to)
),
dated_bars AS (
    SELECT
        ticker_slot,
        ts_us,
        session_date,
        bucket_date,
        label_us,
        limit_us,
        in_range,
        open,
        high,
        low,
        close,
        volume,
        vwap,
        transactions
    FROM ranged_bars
    WHERE in_range
        OR (limit_us <= earlier_end_us AND core.is_reached(label_us, start_ts, lookback, tz))
    UNION ALL
    SELECT
        b.ticker_slot,
        b.ts_us,
        d.session_date,
        d.bucket_date,
        d.label_us,
        d.limit_us,
        d.in_range,
        b.open,
        b.high,
        b.low,
        b.close,
        b.volume,
        b.vwap,
        b.transactions
    FROM core.chosen_daily_bars(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema, lookback := lookback, labels_from := labels_from,
        labels_to := labels_to
    ) AS b
    JOIN core.daily_buckets(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema, partial := partial, lookback := lookback,
        labels_from := labels_from, labels_to := labels_to
    ) AS d
        ON d.day_key = core.day_key(
            b.session_slot, timezone(b.day_tz, make_timestamptz(b.ts_us))::DATE - DATE '1970-01-01'
        )
        AND d.day_tz = b.day_tz
),
bars_in_range AS (
    SELECT b.*
    FROM dated_bars AS b
    ANTI JOIN idle_spans AS i
        ON i.ticker_slot = b.ticker_slot
        AND b.session_date >= i.first_date
        AND b.session_date <= i.last_date
),
adjusted_bars AS (
    SELECT
        b.ticker_slot,
        b.label_us,
        b.limit_us,
        b.ts_us,
        b.bucket_date,
        b.in_range,
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
        adjust := adjust, from_source := from_source, from_schema := from_schema, lookback := lookback,
        labels_from := labels_from, labels_to := labels_to
    ) AS f
        ON f.ticker_slot = b.ticker_slot
        AND f.session_date = b.session_date
),
buckets AS (
    SELECT
        ticker_slot,
        label_us,
        max(limit_us) AS limit_us,
        min(bucket_date) AS session_date,
        CASE WHEN lookback::VARCHAR IS NULL THEN true ELSE bool_or(in_range) END AS in_range,
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
    make_timestamptz(b.limit_us)::TIMESTAMPTZ AS ts_close,
    b.session_date::DATE AS session_date,
    b.open::DOUBLE AS open,
    b.high::DOUBLE AS high,
    b.low::DOUBLE AS low,
    b.close::DOUBLE AS close,
    b.volume::DOUBLE AS volume,
    b.vwap::DOUBLE AS vwap,
    b.transactions::BIGINT AS transactions,
    b.bar_count::BIGINT AS bar_count,
    c.source::VARCHAR AS source,
    c.schema::VARCHAR AS schema,
    b.in_range::BOOLEAN AS in_range
FROM buckets AS b
JOIN chosen AS c USING (ticker_slot);
