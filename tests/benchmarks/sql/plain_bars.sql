SELECT
    count(*) AS bar_count,
    avg(close) AS mean_close
FROM bars
WHERE ticker = $1 AND year = 2023 AND ts_event >= '2023-01-03 00:00:00+00'::TIMESTAMPTZ AND ts_event < '2023-01-04 00:00:00+00'::TIMESTAMPTZ;
