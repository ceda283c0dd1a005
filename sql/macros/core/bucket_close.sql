-- core.bucket_close(label_us, limit_us, bar_interval): the right edge of the bucket with a left edge.
--
-- NULLs: a limit of NULL cuts no bucket short.
-- Example: SELECT core.bucket_close(5400000000, 7200000000, '1h');

CREATE OR REPLACE MACRO core.bucket_close(label_us, limit_us, bar_interval) AS (
    CASE core.interval_unit(bar_interval)
        WHEN 'intraday' THEN least(label_us + core.step_us(bar_interval), limit_us)
        ELSE limit_us
    END
);
