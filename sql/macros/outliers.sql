-- outliers(tickers, std_threshold, …): bars with a return far from the ticker's other returns.
--
-- Log returns from one bar to the next within a session (bars of a day and more: to the next bar), of split-adjusted
-- closes. method 'standard' measures the distance from the mean in sample standard deviations, 'robust' from the
-- median in median absolute deviations (times 1.4826). The sample is the whole range, or with trailing_bars := n the
-- n returns before the bar; a bar with fewer before it is not judged.
-- tickers NULL without a configured universe: every ticker that has bars of this width, or of one that divides it.
-- Grain: one row per bar beyond the threshold, ordered by ticker and time.
-- Options: std_threshold NULL takes each ticker's configured threshold, else the configured default. bar_interval
--   (1 minute), trailing_bars (NULL: the whole range), method 'standard' | 'robust'; start_ts, end_ts, session, tz,
--   from_source, from_schema as in resampled.
-- Inputs: core.resampled with adjust 'splits'.
-- NULLs: none; returns from or to a price of 0 or less are left out, and a sample without spread has no outliers.
-- Columns:
--   ticker: Ticker
--   ts_event: Left edge of the bar, UTC
--   session_date: Session
--   close: Close of the bar, split-adjusted
--   previous_close: Close of the bar before it
--   log_return: Logarithm of their ratio
--   center: Mean, or median, of the sample
--   spread: Standard deviation, or scaled median absolute deviation, of the sample
--   z_score: Distance from the center in spreads
--   sample_size: Number of returns in the sample
--   std_threshold: Threshold that was applied
--   source: Source of the series
--   schema: Schema of the series
-- Example: FROM outliers(['AAPL', 'MSFT'], 4, trailing_bars := 390, start_ts := DATE '2023-01-03');

CREATE OR REPLACE MACRO outliers(
    tickers,
    std_threshold,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    tz := {{tz}},
    bar_interval := INTERVAL 1 MINUTE,
    trailing_bars := NULL,
    method := 'standard',
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH closes AS (
    SELECT
        r.ticker,
        r.ts_event,
        r.session_date,
        r.close,
        lag(r.close) OVER (
            PARTITION BY r.ticker, CASE core.interval_unit(bar_interval) WHEN 'intraday' THEN r.session_date END
            ORDER BY r.ts_event ASC
        ) AS previous_close,
        r.source,
        r.schema
    FROM core.resampled(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, tz := tz, adjust := 'splits',
        from_source := from_source, from_schema := from_schema
    ) AS r
),
returns AS (
    SELECT *, ln(close / previous_close) AS log_return
    FROM closes
    WHERE close > 0 AND previous_close > 0
),
standard_samples AS (
    SELECT
        *,
        CASE WHEN trailing_bars::VARCHAR IS NULL THEN avg(log_return) OVER whole
            ELSE avg(log_return) OVER before END AS center,
        CASE WHEN trailing_bars::VARCHAR IS NULL THEN stddev_samp(log_return) OVER whole
            ELSE stddev_samp(log_return) OVER before END AS spread,
        CASE WHEN trailing_bars::VARCHAR IS NULL THEN count(*) OVER whole ELSE count(*) OVER before END AS sample_size
    FROM returns
    WHERE method <> 'robust'
    WINDOW
        whole AS (PARTITION BY ticker),
        before AS (
            PARTITION BY ticker ORDER BY ts_event ASC
            ROWS BETWEEN core.row_count(trailing_bars) PRECEDING AND 1 PRECEDING
        )
),
robust_returns AS (
    SELECT
        *,
        CASE WHEN trailing_bars::VARCHAR IS NULL THEN median(log_return) OVER whole
            ELSE median(log_return) OVER before END AS center,
        CASE WHEN trailing_bars::VARCHAR IS NULL THEN count(*) OVER whole ELSE count(*) OVER before END AS sample_size,
        CASE WHEN trailing_bars::VARCHAR IS NOT NULL THEN list(log_return) OVER before END AS sample
    FROM returns
    WHERE method = 'robust'
    WINDOW
        whole AS (PARTITION BY ticker),
        before AS (
            PARTITION BY ticker ORDER BY ts_event ASC
            ROWS BETWEEN core.row_count(trailing_bars) PRECEDING AND 1 PRECEDING
        )
),
robust_samples AS (
    SELECT
        * EXCLUDE (sample),
        1.4826 * CASE
            WHEN trailing_bars::VARCHAR IS NULL THEN median(abs(log_return - center)) OVER (PARTITION BY ticker)
            ELSE list_median([abs(x - center) FOR x IN sample])
        END AS spread
    FROM robust_returns
),
samples AS (
    FROM standard_samples
    UNION ALL BY NAME
    FROM robust_samples
),
far_returns AS (
    SELECT
        s.ticker,
        s.ts_event,
        s.session_date,
        s.close,
        s.previous_close,
        s.log_return,
        s.center,
        s.spread,
        ((s.log_return - s.center) / s.spread) AS z_score,
        s.sample_size,
        coalesce(
            TRY_CAST(std_threshold::VARCHAR AS DOUBLE), t.outlier_std_threshold, {{outlier_std_threshold}}
        ) AS std_threshold,
        s.source,
        s.schema
    FROM samples AS s
    JOIN core.ticker_list AS t USING (ticker)
    WHERE s.spread > 0
        AND s.sample_size >= core.row_count(trailing_bars)
        AND abs(s.log_return - s.center)
            > s.spread * coalesce(
                TRY_CAST(std_threshold::VARCHAR AS DOUBLE), t.outlier_std_threshold, {{outlier_std_threshold}}
            )::DOUBLE
)
SELECT
    r.ticker::VARCHAR AS ticker,
    r.ts_event::TIMESTAMPTZ AS ts_event,
    r.session_date::DATE AS session_date,
    r.close::DOUBLE AS close,
    r.previous_close::DOUBLE AS previous_close,
    r.log_return::DOUBLE AS log_return,
    r.center::DOUBLE AS center,
    r.spread::DOUBLE AS spread,
    r.z_score::DOUBLE AS z_score,
    r.sample_size::BIGINT AS sample_size,
    r.std_threshold::DOUBLE AS std_threshold,
    r.source::VARCHAR AS source,
    r.schema::VARCHAR AS schema
FROM (
    FROM far_returns
    UNION ALL BY NAME
    FROM core.check_call(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, tz := tz,
        from_source := from_source, from_schema := from_schema, may_skip := true,
        other_problems := [
            core.store_problem({{store}}),
            core.positive_problem('std_threshold', std_threshold),
            core.count_problem('trailing_bars', trailing_bars),
            core.choice_problem('method', method, ['standard', 'robust'])
        ]
    )
) AS r
ORDER BY ticker, ts_event;
