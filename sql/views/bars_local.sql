-- bars_local: every stored bar with its local time and its place in its trading session.
--
-- Local is the zone of the ticker's session window, else of its calendar; daily bars keep their vendor's own date.
-- Grain: one row per ticker, source, schema and bar.
-- Inputs: core.bars, core.ticker_list, core.calendars, core.series, core.session_days.
-- NULLs: minute_of_session outside of the session and for daily bars; session_date before 1990.
-- Columns:
{{bar_column_comments}}
--   ts_local: Open of the bar as local wall time
--   session_date: Trading session that the bar belongs to; the local date on days without a session
--   in_session: Whether the bar opens within the session's regular hours; true for daily bars
--   minute_of_session: Whole minutes since the session's open, breaks included
-- Example: FROM bars_local WHERE ticker = 'AAPL' AND year = 2023 AND in_session AND minute_of_session < 30;

CREATE OR REPLACE VIEW bars_local AS
SELECT
    b.ticker::VARCHAR AS ticker,
    b.source::VARCHAR AS source,
    b.schema::VARCHAR AS schema,
    b.year::INTEGER AS year,
    b.ts_event::TIMESTAMPTZ AS ts_event,
    b.open::DOUBLE AS open,
    b.high::DOUBLE AS high,
    b.low::DOUBLE AS low,
    b.close::DOUBLE AS close,
    b.volume::DOUBLE AS volume,
    b.vwap::DOUBLE AS vwap,
    b.transactions::BIGINT AS transactions,
    timezone(
        CASE
            WHEN s.step_us >= 86400000000 THEN s.day_tz
            ELSE coalesce(CASE WHEN t.session_key <> t.calendar THEN t.timezone END, c.timezone, 'UTC')
        END,
        b.ts_event
    )::TIMESTAMP AS ts_local,
    CASE
        WHEN s.step_us >= 86400000000 THEN timezone(s.day_tz, b.ts_event)::DATE
        ELSE d.session_date
    END::DATE AS session_date,
    (s.step_us >= 86400000000 OR coalesce(d.segment = 'regular', false))::BOOLEAN AS in_session,
    CASE WHEN d.segment = 'regular' AND s.step_us < 86400000000
        THEN (epoch_us(b.ts_event) - d.session_open_us) // 60000000 END::INTEGER AS minute_of_session
FROM core.bars AS b
LEFT JOIN core.series AS s
    ON s.ticker = b.ticker
    AND s.source = b.source
    AND s.schema = b.schema
LEFT JOIN core.ticker_list AS t ON t.ticker = b.ticker
LEFT JOIN core.calendars AS c ON c.calendar = t.calendar
LEFT JOIN core.session_days AS d
    ON d.session_key = t.session_key
    AND d.utc_day = epoch_us(b.ts_event) // 86400000000
    AND epoch_us(b.ts_event) >= d.start_us
    AND epoch_us(b.ts_event) < d.end_us;
