-- core.bucket_days(tickers, bar_interval, …): the time line of a call's sessions, in segments with one anchor.
--
-- A bar joins its segment by equality on one number (session key and UTC day) and the segment's bounds. Its bucket is
-- then integer arithmetic. Buckets below a day begin every step from anchor_us; wider ones begin at anchor_us.
-- Grain: one row per session key, UTC day and segment within the range and the session option.
-- Inputs: core.session_days, core.chosen_series.
-- NULLs: limit_us where no bucket is cut short (anchor 'epoch').
-- Columns:
--   day_key: Session key and UTC day as one number (core.day_key)
--   segment: pre, regular, break, post or closed
--   start_us: First microsecond of the segment, since the epoch
--   end_us: First microsecond after it
--   session_date: Session that it belongs to
--   anchor_us: Start of the first bucket; the bucket's own label for a day and more
--   limit_us: Latest end of the last bucket; for days, weeks and months not before their sessions end
-- Example: FROM core.bucket_days(['AAPL'], '1h', start_ts := DATE '2023-11-24', end_ts := DATE '2023-11-24');

CREATE OR REPLACE MACRO core.bucket_days(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH keys AS (
    SELECT DISTINCT c.session_key, c.session_slot, c.anchoring
    FROM core.chosen_series(
        tickers, bar_interval, session := session, anchor := anchor, from_source := from_source,
        from_schema := from_schema
    ) AS c
    WHERE c.session_key IS NOT NULL
),
dated AS (
    SELECT
        k.session_slot,
        d.utc_day,
        d.segment,
        d.start_us,
        d.end_us,
        d.session_date,
        d.segment_end_us,
        k.anchoring,
        CASE WHEN k.anchoring = 'calendar' THEN d.calendar_anchor_us ELSE d.anchor_us END AS open_us,
        CASE WHEN k.anchoring = 'midnight' AND core.interval_unit(bar_interval) = 'intraday'
            THEN timezone(tz, make_timestamptz(d.utc_day * 86400000000))::DATE END AS local_date,
        CASE core.interval_unit(bar_interval)
            WHEN 'week' THEN date_trunc('week', d.session_date)::DATE
            WHEN 'month' THEN date_trunc('month', d.session_date)::DATE
            ELSE d.session_date
        END AS label_date
    FROM core.session_days AS d
    JOIN keys AS k USING (session_key)
    WHERE (session = 'all' OR d.segment = 'regular')
        AND d.utc_day >= epoch_us(core.scan_start(start_ts, bar_interval, tz)) // 86400000000
        AND d.utc_day <= epoch_us(core.scan_end(start_ts, end_ts, bar_interval, tz)) // 86400000000
),
in_range AS (
    SELECT
        *,
        CASE core.interval_unit(bar_interval)
            WHEN 'week' THEN label_date + 7
            WHEN 'month' THEN (label_date + INTERVAL 1 MONTH)::DATE
            ELSE label_date + 1
        END AS next_label_date,
        unnest(CASE WHEN local_date IS NULL THEN [0] ELSE [0, 1] END) AS night
    FROM dated
    WHERE core.is_day_in_range(label_date, start_ts, end_ts, tz)
),
bounded AS (
    SELECT
        *,
        epoch_us(timezone(tz, (local_date + night)::TIMESTAMP)) AS midnight_us,
        epoch_us(timezone(tz, (local_date + night + 1)::TIMESTAMP)) AS next_midnight_us,
        -- In zones east of the exchange a date is over before its session is, and nothing is known before it closes.
        max(end_us) OVER (PARTITION BY session_slot, label_date) AS last_end_us
    FROM in_range
),
pieces AS (
    SELECT
        session_slot,
        utc_day,
        segment,
        session_date,
        greatest(start_us, midnight_us) AS start_us,
        least(end_us, next_midnight_us) AS end_us,
        CASE
            WHEN core.interval_unit(bar_interval) <> 'intraday' THEN epoch_us(timezone(tz, label_date::TIMESTAMP))
            WHEN anchoring = 'epoch' THEN 0
            WHEN anchoring = 'midnight' THEN midnight_us
            ELSE open_us
        END AS anchor_us,
        CASE
            WHEN core.interval_unit(bar_interval) <> 'intraday'
                THEN greatest(epoch_us(timezone(tz, next_label_date::TIMESTAMP)), last_end_us)
            WHEN anchoring = 'epoch' THEN NULL
            WHEN anchoring = 'midnight' THEN next_midnight_us
            ELSE segment_end_us
        END AS limit_us
    FROM bounded
)
SELECT
    core.day_key(session_slot, utc_day)::BIGINT AS day_key,
    segment::VARCHAR AS segment,
    start_us::BIGINT AS start_us,
    end_us::BIGINT AS end_us,
    session_date::DATE AS session_date,
    anchor_us::BIGINT AS anchor_us,
    limit_us::BIGINT AS limit_us
FROM pieces
WHERE start_us < end_us
    AND (
        core.interval_unit(bar_interval) = 'intraday'
        OR (
            core.is_time_in_range(anchor_us, start_ts, end_ts, tz)
        )
    );
