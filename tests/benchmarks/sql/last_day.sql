SELECT CAST(max(last_ts) AS DATE) AS last_day
FROM core.series
WHERE ticker = $1;
