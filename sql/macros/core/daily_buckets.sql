-- core.daily_buckets(tickers, bar_interval, …): the bucket of every date of a call's stored daily bars.
--
-- A date that is no session of the ticker's calendar, such as the Sunday of a futures venue's UTC days, belongs to the
-- next session. Dates that the calendar does not list are sessions of their own.
-- Grain: one row per session key, zone of daily bars and date whose bar is in the range or carried into it.
-- Inputs: core.chosen_series, core.sessions.
-- NULLs: none.
-- Columns:
--   day_key: Session key and date as one number (core.day_key)
--   day_tz: Time zone that daily bars are dated in
--   session_date: Session that the date's bar belongs to
--   bucket_date: Date that the bucket is shown with
--   label_us: Left edge of the bucket
--   limit_us: Right edge of the bucket, not before its last session is over
--   in_range: Whether the bar is in the range, not before it
-- Example: FROM core.daily_buckets(['AAPL'], '1w', start_ts := DATE '2023-01-03', end_ts := DATE '2023-01-31');

CREATE OR REPLACE MACRO core.daily_buckets(
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
        core.bound_date(start_ts) AS start_date,
        core.bound_us(start_ts, tz) AS start_us,
        core.bound_date(end_ts) AS end_date,
        core.bound_us(end_ts, tz) AS end_us,
        partial = 'cut' AS is_cut
),
keys AS (
    SELECT c.session_slot, c.calendar, c.day_tz, min(c.first_ts) AS first_ts, max(c.last_ts) AS last_ts
    FROM core.chosen_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema
    ) AS c
    WHERE c.step_us >= 86400000000
    GROUP BY c.session_slot, c.calendar, c.day_tz
),
dates AS (
    -- A month in the range has sessions outside of it, and of what is stored, which must be seen.
    SELECT
        session_slot,
        calendar,
        day_tz,
        DATE '1970-01-01' + unnest(range(
            epoch_us(greatest(
                first_ts, core.scan_start(start_ts, bar_interval, tz, lookback, labels_from, 35)
            )) // 86400000000 - 35,
            epoch_us(least(last_ts, core.scan_end(start_ts, end_ts, bar_interval, tz, labels_to))) // 86400000000 + 35
        ))::INTEGER AS day
    FROM keys
),
sessions AS (
    SELECT calendar, session_date, min(session_date) OVER (PARTITION BY calendar) AS first_session_date
    FROM core.sessions
    WHERE calendar IN (SELECT calendar FROM keys)
),
dated AS (
    SELECT
        d.*,
        CASE WHEN d.day >= s.first_session_date THEN s.session_date ELSE d.day END AS session_date
    FROM dates AS d
    ASOF LEFT JOIN sessions AS s
        ON s.calendar = d.calendar
        AND s.session_date >= d.day
),
bounded AS (
    SELECT
        *,
        core.label_date(session_date, bar_interval) AS label_date,
        min(session_date) OVER bucket AS first_date,
        max(session_date) OVER bucket AS last_date
    FROM dated
    WINDOW bucket AS (PARTITION BY session_slot, day_tz, core.label_date(session_date, bar_interval))
),
placed AS (
    SELECT
        b.*,
        c.*,
        core.midnight_us(b.label_date, tz) AS label_us,
        greatest(
            core.midnight_us(core.next_label_date(b.label_date, bar_interval), tz),
            core.midnight_us(b.last_date + 1, b.day_tz)
        ) AS whole_limit_us,
        core.midnight_us(b.day, b.day_tz) AS bar_us,
        core.midnight_us(b.day + 1, b.day_tz) AS bar_end_us
    FROM bounded AS b
    CROSS JOIN call AS c
),
ranged AS (
    SELECT
        *,
        CASE
            WHEN NOT is_cut THEN whole_limit_us
            WHEN end_date IS NULL THEN least(whole_limit_us, end_us)
            ELSE least(
                whole_limit_us,
                greatest(
                    core.midnight_us(end_date + 1, tz), core.midnight_us(least(last_date, end_date) + 1, day_tz)
                )
            )
        END AS limit_us,
        CASE
            WHEN is_cut THEN core.lies_after(bar_us, session_date, start_us, start_date)
            ELSE core.lies_after(label_us, first_date, start_us, start_date)
        END AS has_begun,
        CASE
            WHEN is_cut
                THEN core.lies_before(bar_end_us, session_date, end_us, end_date) AND coalesce(label_us < end_us, true)
            ELSE core.lies_before(whole_limit_us, last_date, end_us, end_date)
        END AS is_over,
        NOT is_cut OR coalesce(last_date < start_date, whole_limit_us <= start_us) AS is_earlier
    FROM placed
)
SELECT
    core.day_key(session_slot, day - DATE '1970-01-01')::BIGINT AS day_key,
    day_tz::VARCHAR AS day_tz,
    session_date::DATE AS session_date,
    label_date::DATE AS bucket_date,
    label_us::BIGINT AS label_us,
    limit_us::BIGINT AS limit_us,
    has_begun::BOOLEAN AS in_range
FROM ranged
WHERE is_over
    AND (has_begun OR (is_earlier AND core.is_reached(label_us, start_ts, lookback, tz)))
    AND core.is_labelled_within(label_us, labels_from, labels_to);
