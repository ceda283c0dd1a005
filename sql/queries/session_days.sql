-- Build the time line of every session key.

-- name: build
-- Lay out every session key's time line, so that a bar finds its session by equality on the UTC day.
--
-- Grain of core.session_days: one row per session key, segment and UTC day; the rows of a key cover every instant from
--   1990 to the end of its calendar's last year exactly once. Grain of core.session_keys: one row per session key.
-- Inputs: core.calendars, core.sessions, and the windows of core.ticker_list.
-- Segments: 'regular' (between open and close, less the break), 'break', 'pre' and 'post' (the rest of the session's
--   own local date), 'closed' (local dates without a session, which are labelled by themselves).
-- NULLs: session_open_us is NULL outside of 'regular' and 'break'.
CREATE OR REPLACE TABLE core.session_days AS
WITH keys AS (
    SELECT calendar AS session_key, calendar, timezone, NULL::VARCHAR AS start_clock, NULL::VARCHAR AS end_clock
    FROM core.calendars
    UNION
    SELECT t.session_key, c.calendar, coalesce(t.timezone, c.timezone), t.session_start, t.session_end
    FROM core.ticker_list AS t
    JOIN core.calendars AS c USING (calendar)
    WHERE t.session_key <> t.calendar
),
windows AS (
    SELECT
        k.session_key,
        k.timezone,
        s.session_date,
        s.break_start_ts,
        s.break_end_ts,
        s.is_half_day,
        s.close_ts,
        CASE WHEN k.start_clock IS NULL THEN s.open_ts
            ELSE timezone(k.timezone, s.session_date + k.start_clock::TIME) END AS local_open_ts,
        CASE WHEN k.start_clock IS NULL THEN s.open_ts
            ELSE timezone(k.timezone, (s.session_date - 1) + k.start_clock::TIME) END AS eve_open_ts,
        CASE WHEN k.end_clock IS NULL THEN s.close_ts
            ELSE timezone(k.timezone, s.session_date + k.end_clock::TIME) END AS local_close_ts,
        CASE WHEN k.start_clock IS NULL AND k.end_clock IS NOT NULL
            THEN timezone(k.timezone, (s.session_date + 1) + k.end_clock::TIME) END AS late_close_ts
    FROM keys AS k
    JOIN core.sessions AS s USING (calendar)
),
hours AS (
    -- A window that ends at or before it starts began the evening before, or, where the calendar says when it opens,
    -- ends on the morning after; a half day ends when the first of the two does.
    SELECT
        session_key,
        timezone,
        session_date,
        CASE WHEN is_overnight THEN eve_open_ts ELSE local_open_ts END AS open_ts,
        CASE WHEN is_overnight THEN coalesce(late_close_ts, local_close_ts) ELSE local_close_ts END AS own_close_ts,
        CASE WHEN is_half_day THEN close_ts END AS early_close_ts,
        break_start_ts,
        break_end_ts
    FROM (
        -- An early close does not make a window overnight that begins after it: it is as on the day before.
        SELECT
            *,
            coalesce(
                last_value(CASE WHEN NOT is_half_day THEN local_open_ts >= local_close_ts END IGNORE NULLS) OVER (
                    PARTITION BY session_key ORDER BY session_date ASC ROWS UNBOUNDED PRECEDING
                ),
                local_open_ts >= local_close_ts
            ) AS is_overnight
        FROM windows
    ) AS overnight
),
disjoint_hours AS (
    -- No instant belongs to two sessions: a window ends at the latest when the next one begins.
    SELECT
        session_key,
        timezone,
        session_date,
        epoch_us(open_ts) AS open_us,
        epoch_us(least(
            own_close_ts,
            early_close_ts,
            lead(open_ts) OVER (PARTITION BY session_key ORDER BY session_date ASC)
        )) AS close_us,
        epoch_us(break_start_ts) AS break_start_us,
        epoch_us(break_end_ts) AS break_end_us
    FROM hours
),
open_hours AS (
    SELECT
        session_key,
        timezone,
        session_date,
        open_us,
        close_us,
        CASE WHEN break_start_us < close_us AND break_end_us > open_us
            THEN greatest(break_start_us, open_us) END AS pause_us,
        CASE WHEN break_start_us < close_us AND break_end_us > open_us
            THEN least(break_end_us, close_us) END AS resume_us
    FROM disjoint_hours
    WHERE open_us < close_us
),
gaps_between AS (
    SELECT
        session_key,
        timezone,
        session_date AS last_date,
        lead(session_date) OVER timeline AS next_date,
        close_us AS start_us,
        coalesce(
            lead(open_us) OVER timeline,
            epoch_us(timezone(timezone, make_timestamp(year(session_date) + 1, 1, 1, 0, 0, 0.0)))
        ) AS end_us
    FROM open_hours
    WINDOW timeline AS (PARTITION BY session_key ORDER BY open_us)
    UNION ALL
    SELECT
        session_key,
        timezone,
        NULL,
        min(session_date),
        epoch_us(timezone(timezone, TIMESTAMP '1990-01-01')),
        min(open_us)
    FROM open_hours
    GROUP BY session_key, timezone
),
gap_dates AS (
    SELECT
        *,
        unnest(range(
            (timezone(timezone, make_timestamptz(start_us))::DATE - DATE '1970-01-01')::BIGINT,
            (timezone(timezone, make_timestamptz(end_us - 1))::DATE - DATE '1970-01-01')::BIGINT + 1
        )) AS local_day
    FROM gaps_between
    WHERE start_us < end_us
),
local_gaps AS (
    SELECT
        session_key,
        start_us AS gap_start_us,
        end_us AS gap_end_us,
        last_date,
        next_date,
        DATE '1970-01-01' + local_day::INTEGER AS local_date,
        epoch_us(timezone(timezone, (DATE '1970-01-01' + local_day::INTEGER)::TIMESTAMP)) AS midnight_us,
        epoch_us(timezone(timezone, (DATE '1970-01-01' + (local_day + 1)::INTEGER)::TIMESTAMP)) AS next_midnight_us
    FROM gap_dates
),
spans AS (
    SELECT
        session_key,
        'regular' AS segment,
        open_us AS start_us,
        coalesce(pause_us, close_us) AS end_us,
        open_us AS anchor_us,
        session_date,
        open_us AS session_open_us
    FROM open_hours
    UNION ALL
    SELECT session_key, 'break', pause_us, resume_us, pause_us, session_date, open_us
    FROM open_hours
    WHERE pause_us IS NOT NULL
    UNION ALL
    SELECT session_key, 'regular', resume_us, close_us, resume_us, session_date, open_us
    FROM open_hours
    WHERE resume_us < close_us
    UNION ALL
    SELECT
        session_key,
        CASE WHEN local_date <= last_date THEN 'post' WHEN local_date >= next_date THEN 'pre' ELSE 'closed' END,
        greatest(gap_start_us, midnight_us),
        least(gap_end_us, next_midnight_us),
        CASE WHEN local_date <= last_date THEN gap_start_us ELSE midnight_us END,
        CASE
            WHEN local_date <= last_date THEN last_date
            WHEN local_date >= next_date THEN next_date
            ELSE local_date
        END,
        NULL
    FROM local_gaps
),
span_days AS (
    SELECT *, unnest(range(start_us // 86400000000, (end_us - 1) // 86400000000 + 1)) AS utc_day
    FROM spans
    WHERE start_us < end_us
),
pieces AS (
    SELECT
        session_key,
        utc_day,
        segment,
        greatest(start_us, utc_day * 86400000000) AS start_us,
        least(end_us, (utc_day + 1) * 86400000000) AS end_us,
        end_us AS segment_end_us,
        anchor_us,
        session_date,
        session_open_us
    FROM span_days
)
SELECT
    own.session_key::VARCHAR AS session_key,
    own.utc_day::BIGINT AS utc_day,
    own.segment::VARCHAR AS segment,
    greatest(own.start_us, common.start_us)::BIGINT AS start_us,
    least(own.end_us, common.end_us)::BIGINT AS end_us,
    own.segment_end_us::BIGINT AS segment_end_us,
    own.anchor_us::BIGINT AS anchor_us,
    common.anchor_us::BIGINT AS calendar_anchor_us,
    own.session_date::DATE AS session_date,
    own.session_open_us::BIGINT AS session_open_us
FROM pieces AS own
JOIN keys AS k USING (session_key)
JOIN pieces AS common
    ON common.session_key = k.calendar
    AND common.utc_day = own.utc_day
    AND common.start_us < own.end_us
    AND own.start_us < common.end_us
ORDER BY session_key, start_us;

CREATE OR REPLACE TABLE core.session_keys AS
WITH opens AS (
    SELECT session_key, anchor_us, min(session_date) AS first_session_date, max(session_date) AS last_session_date
    FROM core.session_days
    WHERE segment = 'regular'
    GROUP BY session_key, anchor_us
)
SELECT
    session_key::VARCHAR AS session_key,
    CASE
        WHEN bool_and(anchor_us % 3600000000 = 0) THEN 3600000000
        WHEN bool_and(anchor_us % 1800000000 = 0) THEN 1800000000
        WHEN bool_and(anchor_us % 900000000 = 0) THEN 900000000
        WHEN bool_and(anchor_us % 300000000 = 0) THEN 300000000
        WHEN bool_and(anchor_us % 60000000 = 0) THEN 60000000
        ELSE 1000000
    END::BIGINT AS open_grain_us,
    CASE WHEN count(DISTINCT anchor_us % 3600000000) = 1 THEN any_value(anchor_us % 3600000000) END::BIGINT
        AS open_phase_us,
    min(first_session_date)::DATE AS first_session_date,
    max(last_session_date)::DATE AS last_session_date
FROM opens
GROUP BY session_key
ORDER BY session_key;
