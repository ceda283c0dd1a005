-- file_places: data files in another folder than their series, or with bars of another year than the folder's.
--
-- Grain: one row per offending file; none = pass. Inputs: core.files, found_files (files found on disk).
-- Columns: path, problem, advice.
WITH placed AS (
    SELECT
        known.path,
        list_filter(
            [
                CASE WHEN NOT regexp_matches(
                    known.path, '^data/schema=[^/]+/source=[^/]+/ticker=[^/]+(/year=\d{4})?/[^/]+$'
                )
                    THEN 'the layout' END,
                CASE WHEN regexp_extract(known.path, '/schema=([^/]+)/', 1) <> known.schema THEN 'schema' END,
                CASE WHEN regexp_extract(known.path, '/source=([^/]+)/', 1) <> known.source THEN 'source' END,
                CASE WHEN url_decode(regexp_extract(known.path, '/ticker=([^/]+)/', 1)) <> known.ticker
                    THEN 'ticker' END,
                CASE WHEN regexp_extract(known.path, '/year=(\d{4})/', 1) <> coalesce(known.year::VARCHAR, '')
                    THEN 'year' END,
                CASE WHEN parse_filename(known.path, true) <> known.file_id THEN 'file_id' END,
                CASE WHEN known.year <> year(timezone('UTC', make_timestamptz(found.ts_min_us)))
                        OR known.year <> year(timezone('UTC', make_timestamptz(found.ts_max_us)))
                    THEN 'the year of its bars' END
            ],
            lambda name: name IS NOT NULL
        ) AS differing
    FROM core.files AS known
    INNER JOIN found_files AS found USING (path)
)
SELECT
    path,
    'its place contradicts ' || array_to_string(differing, ', ') AS problem,
    '`mtstore repair` sets it aside and marks its range as not fetched' AS advice
FROM placed
WHERE len(differing) > 0
ORDER BY path
