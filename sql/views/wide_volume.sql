-- wide_volume: the volume of every ticker of the configured universe as one wide table, a column for each ticker.
--
-- Method, interval and session are those of the configuration; empty where no universe is configured.
-- Grain: one row per bucket, ordered by ts_event.
-- Inputs: {{method}} over the universe.
-- NULLs: as in {{method}}.
-- Columns:
--   ts_event: Left edge of the bucket, UTC
{{wide_volume_comments}}
-- Example: FROM wide_volume WHERE ts_event >= TIMESTAMPTZ '2023-01-03 14:30:00+00';

CREATE OR REPLACE VIEW wide_volume AS
SELECT
    ts_event::TIMESTAMPTZ AS ts_event{{wide_volume_columns}}
FROM {{aligned_source}}
GROUP BY ts_event
ORDER BY ts_event;
