-- aligned: the configured universe as one wide table, with the method, interval and session of the configuration.
--
-- Empty where no universe is configured. Up to 100 tickers; more are for aligned_outer, aligned_inner and
-- aligned_ffill, for wide_close and wide_volume, or for Python.
-- Grain: one row per bucket, ordered by ts_event.
-- Inputs: {{method}} over the universe.
-- NULLs: as in {{method}}.
-- Columns:
--   ts_event: Left edge of the bucket, UTC
{{aligned_wide_comments}}
-- Example: FROM aligned WHERE ts_event >= TIMESTAMPTZ '2023-01-03 14:30:00+00';

CREATE OR REPLACE VIEW aligned AS
SELECT
    ts_event::TIMESTAMPTZ AS ts_event{{aligned_wide_columns}}
FROM {{aligned_source}}
{{width_check}}
GROUP BY ts_event
ORDER BY ts_event;
