-- unrecorded_coverage: active files that cover ranges missing in the coverage ledger.
--
-- Grain: one row per offending file; none = pass. Inputs: core.files, core.coverage, found_files (files found on disk).
-- Columns: path, problem, advice.
WITH starts AS (
    SELECT
        *,
        start_ts > max(end_ts) OVER (
            PARTITION BY ticker, source, schema
            ORDER BY start_ts, end_ts
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS is_start
    FROM core.coverage
),
islands AS (
    SELECT
        *,
        count(*) FILTER (WHERE is_start) OVER (
            PARTITION BY ticker, source, schema
            ORDER BY start_ts, end_ts
            ROWS UNBOUNDED PRECEDING
        ) AS island
    FROM starts
),
recorded AS (
    SELECT
        ticker,
        source,
        schema,
        epoch_us(min(start_ts)) AS start_us,
        epoch_us(max(end_ts)) AS end_us
    FROM islands
    GROUP BY ticker, source, schema, island
),
claimed AS (
    SELECT
        known.path,
        known.ticker,
        known.source,
        known.schema,
        unnest(found.covers_start_us) AS start_us,
        unnest(found.covers_end_us) AS end_us
    FROM core.files AS known
    INNER JOIN found_files AS found USING (path)
)
SELECT DISTINCT
    claimed.path,
    'it covers a range that is missing in the coverage ledger' AS problem,
    '`mtstore repair` marks the range as not fetched, so that the next load asks for it' AS advice
FROM claimed
ANTI JOIN recorded
    ON recorded.ticker = claimed.ticker
    AND recorded.source = claimed.source
    AND recorded.schema = claimed.schema
    AND recorded.start_us <= claimed.start_us
    AND recorded.end_us >= claimed.end_us
ORDER BY claimed.path
