-- core.fitting_series(tickers, bar_interval, …): the stored series that a call could read for each of its tickers.
--
-- from_source and from_schema decide if given (a source by its name or its provider's); else the ticker's configured
-- data_source, if anything of it is stored. The bars must divide the interval and, where sessions matter, begin at
-- their opens: hours from :00 cannot be cut at 09:30. Bars with a grid of their own fit if they are hours that begin at
-- the opens, as those from 09:30 do in New York.
-- Of series that fit, those without a bar in the range do not count if another one has some. Without bounds all count.
-- Grain: one row per ticker and series.
-- Inputs: core.ticker_list, core.series, core.series_sessions, core.sources, core.session_keys.
-- NULLs: first_date and last_date, for the only series of a ticker.
-- Columns:
--   ticker: Ticker
--   source: Source
--   schema: Schema
--   step_us: Width of its bars in microseconds
--   day_tz: Time zone that its daily bars are dated in
--   first_ts: Open of its first bar
--   last_ts: Open of its last bar
--   first_date: Session of its first bar
--   last_date: Session of its last bar
--   holds_range: Whether it has all sessions of the range that the ticker's other series have, by its first and last
-- Example: FROM core.fitting_series(['AAPL'], INTERVAL 5 MINUTE, start_ts := DATE '2023-01-03');

CREATE OR REPLACE MACRO core.fitting_series(
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
WITH call AS (
    SELECT
        core.bound_date(start_ts) AS start_date,
        core.bound_us(start_ts, tz) AS start_us,
        core.bound_date(end_ts) AS end_date,
        core.bound_us(end_ts, tz) AS end_us,
        start_ts::VARCHAR IS NULL AND end_ts::VARCHAR IS NULL AS is_unbounded
),
stored AS (
    SELECT
        s.*,
        coalesce(s.source = from_source OR o.provider = from_source, from_source IS NULL) AS is_requested,
        coalesce(s.source = t.data_source OR o.provider = t.data_source, false) AS is_configured,
        epoch_us(s.first_ts) % s.step_us AS phase_us,
        coalesce(k.open_grain_us, 3600000000) AS open_grain_us,
        k.open_phase_us
    FROM core.series AS s
    JOIN core.ticker_list AS t USING (ticker)
    LEFT JOIN core.sources AS o USING (source)
    LEFT JOIN core.session_keys AS k USING (session_key)
    WHERE core.is_wanted(tickers, s.ticker)
),
preferred AS (
    SELECT *
    FROM stored
    QUALIFY from_source IS NOT NULL OR is_configured OR NOT bool_or(is_configured) OVER (PARTITION BY ticker)
),
fitting AS (
    SELECT
        p.*,
        r.first_date,
        r.last_date,
        r.previous_date,
        r.previous_end_us,
        r.next_date,
        r.next_start_us,
        c.*,
        coalesce(r.last_date >= c.start_date, epoch_us(p.last_ts) + p.step_us > c.start_us, true)
        AND coalesce(r.first_date <= c.end_date, epoch_us(p.first_ts) < c.end_us, true) AS reaches_range
    FROM preferred AS p
    CROSS JOIN call AS c
    LEFT JOIN core.series_sessions AS r USING (ticker, source, schema)
    WHERE is_requested
        AND (from_schema IS NULL OR schema = from_schema)
        AND core.step_us(bar_interval) % step_us = 0
        AND (
            step_us >= 86400000000
            OR (phase_us = 0 AND open_grain_us % step_us = 0)
            OR (
                phase_us = 0
                AND session = 'all'
                AND (anchor <> 'session' OR core.interval_unit(bar_interval) <> 'intraday')
            )
            OR (session = 'regular' AND step_us = 3600000000 AND phase_us = open_phase_us)
        )
)
SELECT
    ticker::VARCHAR AS ticker,
    source::VARCHAR AS source,
    schema::VARCHAR AS schema,
    step_us::BIGINT AS step_us,
    day_tz::VARCHAR AS day_tz,
    first_ts::TIMESTAMPTZ AS first_ts,
    last_ts::TIMESTAMPTZ AS last_ts,
    first_date::DATE AS first_date,
    last_date::DATE AS last_date,
    (
        is_unbounded
        OR count(CASE WHEN reaches_range THEN 1 END) OVER rivals = 1
        OR (
            (
                previous_date < min(CASE WHEN reaches_range THEN first_date END) OVER rivals
                OR coalesce(previous_date < start_date, previous_end_us <= start_us, false)
            )
            AND (
                next_date > max(CASE WHEN reaches_range THEN last_date END) OVER rivals
                OR coalesce(next_date > end_date, next_start_us >= end_us, false)
            )
        )
        OR NOT bool_or(reaches_range) OVER rivals
    )::BOOLEAN AS holds_range
FROM fitting
WINDOW rivals AS (PARTITION BY ticker)
QUALIFY reaches_range OR NOT bool_or(reaches_range) OVER rivals;
