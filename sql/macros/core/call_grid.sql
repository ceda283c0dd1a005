-- core.call_grid(tickers, bar_interval, …): every bucket that the sessions of a call's tickers have, traded or not.
--
-- The complete grid of the common calendar (390 minutes, 210 on a half day); of several calendars, all their buckets.
-- An open bound ends at the first and last session that any ticker of the call has a bar in. Breaks and days without a
-- session have no buckets.
-- Grain: one row per bucket.
-- Inputs: core.bucket_days, core.chosen_series.
-- NULLs: none.
-- Columns:
--   ts_event: Left edge of the bucket, UTC
--   ts_close: Right edge of the bucket, UTC
--   session_date: Session that the bucket belongs to; the date in tz where calendars differ
-- Example: FROM core.call_grid(['AAPL'], '1min', start_ts := DATE '2023-11-24', end_ts := DATE '2023-11-24');

CREATE OR REPLACE MACRO core.call_grid(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    from_source := NULL,
    from_schema := NULL,
    partial := 'drop',
    labels_from := NULL,
    labels_to := NULL
) AS TABLE
WITH call AS (
    SELECT
        bool_or(c.is_mixed) AS is_mixed,
        min(epoch_us(c.first_ts)) AS first_us,
        max(epoch_us(c.last_ts)) AS last_us
    FROM core.chosen_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema
    ) AS c
),
pieces AS (
    SELECT d.*
    FROM core.bucket_days(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema, partial := partial, labels_from := labels_from,
        labels_to := labels_to
    ) AS d
    WHERE d.segment IN ('pre', 'regular', 'post')
),
stored_dates AS (
    SELECT
        min(CASE WHEN p.end_us > c.first_us THEN p.session_date END) AS first_date,
        max(CASE WHEN p.start_us <= c.last_us THEN p.session_date END) AS last_date
    FROM pieces AS p
    CROSS JOIN call AS c
),
labels AS (
    SELECT
        p.bucket_date,
        p.limit_us,
        p.range_start_us,
        p.range_end_us,
        unnest(CASE core.interval_unit(bar_interval)
            WHEN 'intraday' THEN range(
                core.bucket_label(greatest(p.start_us, p.range_start_us), p.anchor_us, bar_interval),
                least(p.end_us, p.range_end_us),
                core.step_us(bar_interval)
            )
            ELSE [p.anchor_us]
        END) AS label_us
    FROM pieces AS p
    CROSS JOIN stored_dates AS s
    WHERE (partial <> 'cut' OR (p.start_us < p.range_end_us AND p.end_us > p.range_start_us))
        AND (start_ts::VARCHAR IS NOT NULL OR p.session_date >= s.first_date)
        AND (end_ts::VARCHAR IS NOT NULL OR p.session_date <= s.last_date)
),
buckets AS (
    SELECT
        label_us,
        max(core.bucket_close(label_us, limit_us, bar_interval)) AS close_us,
        min(bucket_date) AS bucket_date
    FROM labels
    WHERE (partial = 'cut' OR label_us >= range_start_us)
        AND core.bucket_close(label_us, limit_us, bar_interval) <= range_end_us
        AND core.is_labelled_within(label_us, labels_from, labels_to)
    GROUP BY label_us
)
SELECT
    make_timestamptz(b.label_us)::TIMESTAMPTZ AS ts_event,
    make_timestamptz(b.close_us)::TIMESTAMPTZ AS ts_close,
    CASE
        WHEN c.is_mixed AND core.interval_unit(bar_interval) = 'intraday'
            THEN timezone(tz, make_timestamptz(b.label_us))::DATE
        ELSE b.bucket_date
    END::DATE AS session_date
FROM buckets AS b
CROSS JOIN call AS c;
