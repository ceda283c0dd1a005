-- wide_close: the close of every ticker of the configured universe as one wide table, a column for each ticker.
--
-- Method, interval and session are those of the configuration; empty where no universe is configured.
-- Grain: one row per bucket, ordered by ts_event.
-- Inputs: {{method}} over the universe.
-- NULLs: as in {{method}}.
-- Columns:
--   ts_event: Left edge of the bucket, UTC
{{wide_close_comments}}
-- Example: FROM wide_close WHERE ts_event >= TIMESTAMPTZ '2023-01-03 14:30:00+00';

CREATE OR REPLACE VIEW wide_close AS
SELECT
    ts_event::TIMESTAMPTZ AS ts_event{{wide_close_columns}}
FROM {{aligned_source}}
GROUP BY ts_event
ORDER BY ts_event;
