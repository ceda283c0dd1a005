-- core.quality(tickers, max_gap_minutes, …): expected and present bars of each session; see quality.
--
-- Grain: one row per ticker and session with regular hours in the range.
-- Inputs: core.session_spans, core.session_bars, core.missing_runs, core.resampled, core.standing_rejections.
-- NULLs: first_bar and last_bar in a session without bars; source and schema, too, of a ticker without stored bars.
-- Columns:
{{quality_columns}}
-- Example: FROM core.quality(['AAPL'], 5, start_ts := DATE '2023-01-03', end_ts := DATE '2023-01-31');

CREATE OR REPLACE MACRO core.quality(
    tickers,
    max_gap_minutes,
    start_ts := NULL,
    end_ts := NULL,
    tz := {{tz}},
    bar_interval := INTERVAL 1 MINUTE,
    std_threshold := NULL,
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH chosen AS MATERIALIZED (
    SELECT
        c.ticker_slot,
        c.ticker,
        c.source,
        c.schema,
        c.session_key,
        coalesce(TRY_CAST(max_gap_minutes::VARCHAR AS DOUBLE), t.max_gap_minutes, {{max_gap_minutes}}) AS limit_minutes,
        coalesce(
            TRY_CAST(std_threshold::VARCHAR AS DOUBLE), t.outlier_std_threshold, {{outlier_std_threshold}}
        ) AS threshold
    FROM core.chosen_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema
    ) AS c
    JOIN core.ticker_list AS t USING (ticker)
),
sessions_expected AS (
    SELECT
        s.ticker_slot,
        s.session_date,
        min(s.start_us) AS open_us,
        sum((s.end_us - s.start_us - 1) // core.step_us(bar_interval) + 1) AS expected_bars
    FROM core.session_spans(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema
    ) AS s
    GROUP BY s.ticker_slot, s.session_date
),
bars_by_session AS (
    SELECT
        b.ticker_slot,
        b.session_date,
        count(DISTINCT CASE WHEN b.segment = 'regular'
            THEN (b.anchor_us, (b.ts_us - b.anchor_us) // core.step_us(bar_interval)) END) AS present_bars,
        count(CASE WHEN b.segment = 'regular' AND b.volume = 0 THEN 1 END) AS zero_volume_bars,
        count(CASE WHEN b.segment <> 'regular' THEN 1 END) AS off_session_bars,
        min(CASE WHEN b.segment = 'regular' THEN b.ts_us END) AS first_us,
        max(CASE WHEN b.segment = 'regular' THEN b.ts_us END) AS last_us
    FROM core.session_bars(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema
    ) AS b
    GROUP BY b.ticker_slot, b.session_date
),
gaps_by_session AS (
    SELECT
        r.ticker_slot,
        r.session_date,
        count(CASE WHEN r.end_us - r.start_us > 60000000 * c.limit_minutes THEN 1 END) AS gap_count,
        max(r.end_us - r.start_us) / 60000000 AS longest_gap_minutes
    FROM core.missing_runs(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema
    ) AS r
    JOIN chosen AS c USING (ticker_slot)
    GROUP BY r.ticker_slot, r.session_date
),
closes AS (
    SELECT
        r.ticker,
        r.session_date,
        r.close,
        lag(r.close) OVER (PARTITION BY r.ticker, r.session_date ORDER BY r.ts_event ASC) AS previous_close
    FROM core.resampled(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := 'regular', tz := tz,
        adjust := 'splits',
        from_source := from_source, from_schema := from_schema
    ) AS r
),
returns AS (
    SELECT
        ticker,
        session_date,
        ln(close / previous_close) AS log_return,
        avg(ln(close / previous_close)) OVER (PARTITION BY ticker, session_date) AS center,
        stddev_samp(ln(close / previous_close)) OVER (PARTITION BY ticker, session_date) AS spread
    FROM closes
    WHERE close > 0 AND previous_close > 0
),
outliers_by_session AS (
    SELECT r.ticker, r.session_date, count(*) AS outlier_count
    FROM returns AS r
    JOIN chosen AS c USING (ticker)
    WHERE r.spread > 0
        AND abs(r.log_return - r.center) > r.spread * c.threshold
    GROUP BY r.ticker, r.session_date
),
rejected_by_session AS (
    SELECT c.ticker_slot, d.session_date, count(*) AS quarantined_rows
    FROM core.standing_rejections(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema
    ) AS q
    JOIN chosen AS c USING (ticker_slot)
    JOIN core.session_days AS d
        ON d.session_key = c.session_key
        AND d.utc_day = q.ts_us // 86400000000
        AND q.ts_us >= d.start_us
        AND q.ts_us < d.end_us
    WHERE core.is_time_in_range(q.ts_us, start_ts, end_ts, tz)
    GROUP BY c.ticker_slot, d.session_date
)
SELECT
    c.ticker::VARCHAR AS ticker,
    s.session_date::DATE AS session_date,
    s.expected_bars::BIGINT AS expected_bars,
    coalesce(b.present_bars, 0)::BIGINT AS present_bars,
    (coalesce(b.present_bars, 0) / s.expected_bars)::DOUBLE AS completeness,
    coalesce(g.gap_count, 0)::BIGINT AS gap_count,
    coalesce(g.longest_gap_minutes, 0)::DOUBLE AS longest_gap_minutes,
    coalesce(o.outlier_count, 0)::BIGINT AS outlier_count,
    coalesce(b.zero_volume_bars, 0)::BIGINT AS zero_volume_bars,
    coalesce(q.quarantined_rows, 0)::BIGINT AS quarantined_rows,
    coalesce(b.off_session_bars, 0)::BIGINT AS off_session_bars,
    make_timestamptz(b.first_us)::TIMESTAMPTZ AS first_bar,
    make_timestamptz(b.last_us)::TIMESTAMPTZ AS last_bar,
    c.source::VARCHAR AS source,
    c.schema::VARCHAR AS schema
FROM sessions_expected AS s
JOIN chosen AS c USING (ticker_slot)
LEFT JOIN bars_by_session AS b
    ON b.ticker_slot = s.ticker_slot
    AND b.session_date = s.session_date
LEFT JOIN gaps_by_session AS g
    ON g.ticker_slot = s.ticker_slot
    AND g.session_date = s.session_date
LEFT JOIN outliers_by_session AS o
    ON o.ticker = c.ticker
    AND o.session_date = s.session_date
LEFT JOIN rejected_by_session AS q
    ON q.ticker_slot = s.ticker_slot
    AND q.session_date = s.session_date;
