-- core.session_spans(tickers, bar_interval, …): the regular hours of each ticker of a call, one span between breaks.
--
-- Spans are cut to the range, to the dates on which the ticker is traded, and, where a bound is open, to the first or
-- last session that has a bar. A ticker without stored bars has spans where neither is open; one of which nothing
-- fits the interval has none.
-- Grain: one row per ticker and uninterrupted span of regular hours.
-- Inputs: core.session_days, core.ticker_list, core.chosen_series.
-- NULLs: none.
-- Columns:
--   ticker_slot: Number of the ticker in the call
--   session_slot: Number of the session key in the call
--   session_date: Session
--   is_stored: Whether the ticker has bars at all
--   anchor_us: Start of the span before it was cut, which names it
--   start_us: First microsecond of the span, since the epoch
--   end_us: First microsecond after it
-- Example: FROM core.session_spans(['AAPL'], '1min', start_ts := DATE '2023-11-24', end_ts := DATE '2023-11-24');

CREATE OR REPLACE MACRO core.session_spans(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    tz := {{tz}},
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH stored_tickers AS (
    SELECT coalesce(list(DISTINCT ticker), []) AS stored
    FROM core.series
    WHERE core.is_wanted(tickers, ticker)
),
spans AS (
    SELECT
        c.ticker_slot,
        c.session_slot,
        d.session_date,
        d.anchor_us,
        min(d.start_us) AS start_us,
        max(d.end_us) AS end_us,
        bool_or(c.source IS NOT NULL) AS is_stored,
        min(epoch_us(c.first_ts)) AS first_us,
        min(epoch_us(c.last_ts)) AS last_us,
        min(t.active_from) AS active_from,
        min(t.active_to) AS active_to
    FROM core.chosen_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema
    ) AS c
    JOIN core.ticker_list AS t USING (ticker)
    JOIN core.session_days AS d ON d.session_key = c.session_key
    CROSS JOIN stored_tickers AS s
    WHERE d.segment = 'regular'
        AND (c.step_us < 86400000000 OR (c.source IS NULL AND NOT list_contains(s.stored, c.ticker)))
        AND d.utc_day >= epoch_us(core.scan_start(start_ts, bar_interval, tz, NULL, NULL, 0)) // 86400000000
        AND d.utc_day <= epoch_us(core.scan_end(start_ts, end_ts, bar_interval, tz, NULL)) // 86400000000
    GROUP BY c.ticker_slot, c.session_slot, d.session_date, d.anchor_us
),
sessions_in_range AS (
    SELECT
        *,
        max(end_us) OVER day AS session_end_us,
        min(start_us) OVER day AS session_start_us
    FROM spans
    WHERE core.is_day_in_range(session_date, start_ts, end_ts, tz)
        AND session_date BETWEEN coalesce(active_from, session_date) AND coalesce(active_to, session_date)
    WINDOW day AS (PARTITION BY ticker_slot, session_date)
),
cut AS (
    SELECT
        ticker_slot,
        session_slot,
        session_date,
        is_stored,
        anchor_us,
        CASE WHEN core.is_date(start_ts) THEN start_us
            ELSE greatest(start_us, first_label_us) END AS start_us,
        CASE WHEN core.is_date(end_ts) OR end_us <= epoch_us(core.instant(end_ts, tz)) THEN end_us
            ELSE least(end_us, last_edge_us) END AS end_us
    FROM (
        -- A bucket belongs to the range if it lies in it wholly: bounds are moved inwards, to the next edge.
        SELECT
            *,
            anchor_us + core.step_us(bar_interval)
                * (
                    (epoch_us(core.instant(start_ts, tz)) - anchor_us + core.step_us(bar_interval) - 1)
                    // core.step_us(bar_interval)
                )
                AS first_label_us,
            anchor_us + core.step_us(bar_interval)
                * ((epoch_us(core.instant(end_ts, tz)) - anchor_us) // core.step_us(bar_interval)) AS last_edge_us
        FROM sessions_in_range
    ) AS labelled
    WHERE (start_ts::VARCHAR IS NOT NULL OR session_end_us > first_us)
        AND (end_ts::VARCHAR IS NOT NULL OR session_start_us <= last_us)
)
SELECT
    ticker_slot::INTEGER AS ticker_slot,
    session_slot::INTEGER AS session_slot,
    session_date::DATE AS session_date,
    is_stored::BOOLEAN AS is_stored,
    anchor_us::BIGINT AS anchor_us,
    start_us::BIGINT AS start_us,
    end_us::BIGINT AS end_us
FROM cut
WHERE start_us < end_us;
