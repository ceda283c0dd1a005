-- core.fitting_series(tickers, bar_interval, …): the stored series that a call could read for each of its tickers.
--
-- from_source and from_schema decide if given (a source by its name or its provider's); else the ticker's configured
-- data_source, if anything of it is stored. The bars must divide the interval and, where sessions matter, begin at
-- their opens: hours from :00 cannot be cut at 09:30. Bars with a grid of their own fit if they are hours that begin at
-- the opens, as those from 09:30 do in New York.
-- Grain: one row per ticker and series.
-- Inputs: core.ticker_list, core.series, core.sources, core.session_keys.
-- NULLs: none.
-- Columns:
--   ticker: Ticker
--   source: Source
--   schema: Schema
--   step_us: Width of its bars in microseconds
--   day_tz: Time zone that its daily bars are dated in
--   first_ts: Open of its first bar
--   last_ts: Open of its last bar
-- Example: FROM core.fitting_series(['AAPL'], INTERVAL 5 MINUTE);

CREATE OR REPLACE MACRO core.fitting_series(
    tickers,
    bar_interval,
    session := {{session}},
    anchor := 'session',
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH stored AS (
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
)
SELECT
    ticker::VARCHAR AS ticker,
    source::VARCHAR AS source,
    schema::VARCHAR AS schema,
    step_us::BIGINT AS step_us,
    day_tz::VARCHAR AS day_tz,
    first_ts::TIMESTAMPTZ AS first_ts,
    last_ts::TIMESTAMPTZ AS last_ts
FROM preferred
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
    );
