-- coverage_summary: what the store was told of, one row per series and result: how many ranges, from when to when.
SELECT
    ticker,
    source,
    schema,
    result,
    count(*) AS ranges,
    min(start_ts) AS first_covered,
    max(end_ts) AS last_covered
FROM coverage
GROUP BY ALL
ORDER BY ALL;
