-- core.bucket_days(tickers, bar_interval, …): the time line of a call's sessions, in segments with one anchor.
--
-- A bar joins its segment by equality on one number (session key and UTC day) and the segment's bounds. Its bucket is
-- then integer arithmetic: core.bucket_label and core.bucket_close. Segments outside of the range are not all left out:
-- whether a bucket, or with partial 'cut' a bar, lies within [range_start_us, range_end_us] decides.
-- Grain: one row per session key, UTC day and segment near the range, by the session option.
-- Inputs: core.session_days, core.chosen_series.
-- NULLs: limit_us where no bucket is cut short (anchor 'epoch').
-- Columns:
--   day_key: Session key and UTC day as one number (core.day_key)
--   segment: pre, regular, break, post or closed
--   start_us: First microsecond of the segment, since the epoch
--   end_us: First microsecond after it
--   segment_end_us: End of the whole segment, on whichever UTC day
--   session_date: Session that it belongs to
--   bucket_date: Date that a bucket is shown with: the session's, or that of a day, week or month
--   anchor_us: Start of the first bucket; the bucket's own label for a day and more
--   limit_us: Latest end of the last bucket; for days, weeks and months not before their sessions end
--   range_start_us: First microsecond of what belongs to the range, at or before which it may begin
--   range_end_us: Latest end of what belongs to the range
--   earlier_end_us: Latest end of a bucket from before the range, from which a lookback may carry values
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
    from_schema := NULL,
    partial := 'drop',
    lookback := NULL,
    labels_from := NULL,
    labels_to := NULL
) AS TABLE
WITH call AS MATERIALIZED (
    SELECT
        core.interval_unit(bar_interval) = 'intraday' AS is_narrow,
        core.bound_date(start_ts) AS start_date,
        core.bound_us(start_ts, tz) AS bound_start_us,
        core.bound_date(end_ts) AS end_date,
        core.bound_us(end_ts, tz) AS bound_end_us,
        partial = 'cut' AS is_cut
),
keys AS (
    SELECT DISTINCT c.session_key, c.session_slot, c.anchoring
    FROM core.chosen_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema
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
        CASE WHEN c.is_narrow THEN k.anchoring = 'midnight' ELSE anchor <> 'session' END AS has_midnights
    FROM core.session_days AS d
    JOIN keys AS k USING (session_key)
    CROSS JOIN call AS c
    -- A month in the range has sessions outside of it, which must be seen.
    WHERE (session = 'all' OR d.segment = 'regular')
        AND d.utc_day >= epoch_us(core.scan_start(start_ts, bar_interval, tz, lookback, labels_from, 0)) // 86400000000
            - CASE core.interval_unit(bar_interval) WHEN 'intraday' THEN 0 ELSE 35 END
        AND d.utc_day <= epoch_us(core.scan_end(start_ts, end_ts, bar_interval, tz, labels_to)) // 86400000000
            + CASE core.interval_unit(bar_interval) WHEN 'intraday' THEN 0 ELSE 35 END
),
labelled AS (
    SELECT *, core.label_date(own_date, bar_interval) AS label_date
    FROM (
        SELECT
            *,
            DATE '1970-01-01' + unnest(CASE
                WHEN has_midnights THEN range(
                    (timezone(core.label_zone(bar_interval, anchor, tz), make_timestamptz(start_us))::DATE
                    - DATE '1970-01-01')::BIGINT,
                    (timezone(core.label_zone(bar_interval, anchor, tz), make_timestamptz(end_us - 1))::DATE
                    - DATE '1970-01-01')::BIGINT + 1
                )
                ELSE [(session_date - DATE '1970-01-01')::BIGINT]
            END)::INTEGER AS own_date
        FROM dated
    ) AS nights
),
pieces AS (
    SELECT
        -- Listed: DuckDB writes the names of an EXCLUDE in any order, and verify compares definitions.
        p.session_slot,
        p.utc_day,
        p.segment,
        p.session_date,
        p.segment_end_us,
        p.anchoring,
        p.open_us,
        p.has_midnights,
        p.own_date,
        p.label_date,
        c.*,
        CASE WHEN p.has_midnights
            THEN greatest(p.start_us, core.midnight_us(p.own_date, core.label_zone(bar_interval, anchor, tz)))
            ELSE p.start_us END AS start_us,
        CASE WHEN p.has_midnights
            THEN least(p.end_us, core.midnight_us(p.own_date + 1, core.label_zone(bar_interval, anchor, tz)))
            ELSE p.end_us END AS end_us,
        CASE WHEN p.has_midnights OR NOT c.is_narrow
            THEN core.midnight_us(p.label_date, core.label_zone(bar_interval, anchor, tz)) END AS label_us,
        CASE WHEN p.has_midnights OR NOT c.is_narrow
            THEN core.midnight_us(
                core.next_label_date(p.label_date, bar_interval), core.label_zone(bar_interval, anchor, tz)
            ) END AS next_label_us
    FROM labelled AS p
    CROSS JOIN call AS c
),
bounded AS (
    SELECT
        *,
        CASE
            WHEN NOT is_narrow OR anchoring = 'midnight' THEN label_us
            WHEN anchoring = 'epoch' THEN 0
            ELSE open_us
        END AS anchor_us,
        CASE
            -- In zones east of the exchange a date is over before its session, and nothing is known before it closes.
            WHEN NOT is_narrow THEN greatest(next_label_us, max(end_us) OVER bucket)
            WHEN anchoring = 'epoch' THEN NULL
            WHEN anchoring = 'midnight' THEN next_label_us
            ELSE segment_end_us
        END AS whole_limit_us,
        min(session_date) OVER bucket AS first_date,
        max(session_date) OVER bucket AS last_date,
        max(end_us) OVER bucket AS last_end_us,
        -- Between the sessions of the range and those around it.
        coalesce(
            max(CASE WHEN session_date < start_date THEN end_us END) OVER timeline,
            bound_start_us,
            -9000000000000000000
        ) AS first_us,
        coalesce(
            min(CASE WHEN session_date > end_date THEN start_us END) OVER timeline,
            bound_end_us,
            9000000000000000000
        ) AS last_us,
        max(CASE WHEN session_date <= end_date THEN end_us END) OVER timeline AS last_session_end_us
    FROM pieces
    WHERE start_us < end_us
    WINDOW
        bucket AS (PARTITION BY session_slot, label_date),
        timeline AS (PARTITION BY session_slot)
),
ranged AS (
    SELECT
        *,
        CASE
            WHEN NOT is_cut THEN whole_limit_us
            WHEN is_narrow OR has_midnights OR end_date IS NULL THEN least(whole_limit_us, last_us)
            ELSE least(whole_limit_us, greatest(core.midnight_us(end_date + 1, tz), last_session_end_us))
        END AS limit_us,
        CASE
            WHEN is_cut OR is_narrow THEN first_us
            WHEN core.lies_after(anchor_us, first_date, bound_start_us, start_date) THEN anchor_us
            ELSE 9000000000000000000
        END AS range_start_us,
        CASE
            WHEN is_cut OR is_narrow THEN last_us
            WHEN core.lies_before(whole_limit_us, last_date, bound_end_us, end_date) THEN whole_limit_us
            ELSE -9000000000000000000
        END AS range_end_us
    FROM bounded
)
SELECT
    core.day_key(session_slot, utc_day)::BIGINT AS day_key,
    segment::VARCHAR AS segment,
    start_us::BIGINT AS start_us,
    end_us::BIGINT AS end_us,
    segment_end_us::BIGINT AS segment_end_us,
    session_date::DATE AS session_date,
    CASE WHEN is_narrow THEN session_date ELSE label_date END::DATE AS bucket_date,
    anchor_us::BIGINT AS anchor_us,
    limit_us::BIGINT AS limit_us,
    range_start_us::BIGINT AS range_start_us,
    range_end_us::BIGINT AS range_end_us,
    CASE
        WHEN NOT is_cut THEN range_end_us
        WHEN is_narrow THEN range_start_us
        WHEN last_end_us <= range_start_us THEN limit_us
        ELSE -9000000000000000000
    END::BIGINT AS earlier_end_us
FROM ranged
WHERE is_narrow OR coalesce(anchor_us < bound_end_us, true);
