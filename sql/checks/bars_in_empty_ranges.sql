-- bars_in_empty_ranges: active files with bars in a range that a later answer calls empty.
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
        answers.start_ts,
        answers.end_ts
    FROM core.files AS known
    INNER JOIN core.coverage AS answers
        ON answers.ticker = known.ticker
        AND answers.source = known.source
        AND answers.schema = known.schema
        AND answers.start_ts <= known.ts_max
        AND answers.end_ts > known.ts_min
        AND answers.generation > known.generation
    WHERE answers.result = 'empty'
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
