-- bars_in_empty_ranges: live files with bars where a later answer said that there are none.
--
-- Grain: one row per offending file; none = pass. Inputs: core.files, core.coverage, core.bars.
-- Columns: path, problem, advice.
WITH suspects AS (
    SELECT
        known.path,
        known.ticker,
        known.source,
        known.schema,
        known.ts_min,
        known.ts_max,
        said.start_ts,
        said.end_ts
    FROM core.files AS known
    INNER JOIN core.coverage AS said
        ON said.ticker = known.ticker
        AND said.source = known.source
        AND said.schema = known.schema
        AND said.start_ts <= known.ts_max
        AND said.end_ts > known.ts_min
        AND said.generation > known.generation
    WHERE said.result = 'empty'
)
SELECT DISTINCT
    suspects.path,
    'it holds bars in a range that a later answer called empty' AS problem,
    '`mtstore repair` sets it aside and marks its range as not fetched' AS advice
FROM suspects
INNER JOIN core.bars AS bars
    ON bars.ticker = suspects.ticker
    AND bars.source = suspects.source
    AND bars.schema = suspects.schema
    AND bars.ts_event BETWEEN suspects.ts_min AND suspects.ts_max
    AND bars.ts_event >= suspects.start_ts
    AND bars.ts_event < suspects.end_ts
ORDER BY suspects.path
