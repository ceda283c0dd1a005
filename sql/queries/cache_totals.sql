-- What the cache holds: series, bars, bytes, answered ranges, and how many series have a stale answer.
SELECT
    count(*) AS series,
    coalesce(sum(row_count), 0)::BIGINT AS rows,
    coalesce(sum(byte_size), 0)::BIGINT AS bytes,
    coalesce(sum(range_count), 0)::BIGINT AS ranges,
    count(CASE WHEN is_stale THEN 1 END) AS stale_series
FROM cache_index
