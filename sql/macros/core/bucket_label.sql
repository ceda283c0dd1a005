-- core.bucket_label(ts_us, anchor_us, bar_interval): the left edge of the bucket of a time.
--
-- Buckets below a day begin every step from anchor_us; a wider one begins at anchor_us.
-- NULLs: NULL for NULL.
-- Example: SELECT core.bucket_label(5400000000, 1800000000, '1h');

CREATE OR REPLACE MACRO core.bucket_label(ts_us, anchor_us, bar_interval) AS (
    CASE core.interval_unit(bar_interval)
        WHEN 'intraday' THEN anchor_us + (ts_us - anchor_us) // core.step_us(bar_interval) * core.step_us(bar_interval)
        ELSE anchor_us
    END
);
