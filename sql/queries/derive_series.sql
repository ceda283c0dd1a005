-- core.series anew from core.files: one row per stored series.
DELETE FROM core.series;

INSERT INTO core.series BY NAME
WITH widths AS (
    SELECT
        schema,
        regexp_extract(schema, '^ohlcv-(\d+)([smhd])$', 1)::BIGINT
        * CASE regexp_extract(schema, '^ohlcv-(\d+)([smhd])$', 2)
            WHEN 's' THEN 1
            WHEN 'm' THEN 60
            WHEN 'h' THEN 3600
            ELSE 86400
        END
        * 1000000 AS step_us
    FROM (SELECT DISTINCT schema FROM core.files)
)

SELECT
    files.ticker,
    files.source,
    files.schema,
    any_value(widths.step_us) AS step_us,
    arg_max(files.day_tz, files.ts_max) AS day_tz,
    min(files.ts_min) AS first_ts,
    max(files.ts_max) AS last_ts,
    sum(files.row_count)::BIGINT AS row_count,
    sum(files.byte_size)::BIGINT AS byte_size,
    count(*) AS file_count
FROM core.files
INNER JOIN widths USING (schema)
GROUP BY files.ticker, files.source, files.schema
ORDER BY files.ticker, files.source, files.schema;
