-- Of some inputs ($keys) those that went in before: one row each. successors are the keys of newer inputs that brought
-- something for the same tickers and time; is_replaced says whether another answer, of no input, has done so since.
-- The tables of the first stores lack some columns until their next commit: those are NULL then.
WITH later_columns AS (
    SELECT
        NULL::VARCHAR[] AS tickers,
        NULL::TIMESTAMPTZ AS start_ts,
        NULL::TIMESTAMPTZ AS end_ts,
        NULL::BIGINT AS generation
    WHERE false
),
inputs AS (
    FROM later_columns
    UNION ALL BY NAME
    SELECT *, rowid AS place
    FROM core.inputs
),
asked AS (
    SELECT
        input_key,
        place,
        source,
        schema,
        tickers,
        start_ts,
        end_ts,
        generation
    FROM inputs
    WHERE list_contains($keys, input_key)
),
successors AS (
    SELECT
        asked.input_key,
        list(newer.input_key ORDER BY newer.place) AS input_keys
    FROM asked
    INNER JOIN inputs AS newer
        ON newer.source = asked.source
        AND newer.schema = asked.schema
        AND newer.place > asked.place
        AND newer.start_ts < asked.end_ts
        AND newer.end_ts > asked.start_ts
    WHERE asked.tickers IS NULL
        OR newer.tickers IS NULL
        OR list_has_any(newer.tickers, asked.tickers)
    GROUP BY asked.input_key
),
other_answers AS (
    SELECT
        ledger.source,
        ledger.schema,
        ledger.tickers,
        ledger.generation,
        unnest(ledger.ranges) AS answered
    FROM core.coverage_ledger AS ledger
    WHERE ledger.result <> 'failed'
        AND ledger.generation > (SELECT min(generation) FROM asked)
        AND NOT EXISTS (
            SELECT 1
            FROM inputs AS own
            WHERE (own.run_id, own.source, own.schema) = (ledger.run_id, ledger.source, ledger.schema)
        )
),
replaced AS (
    SELECT DISTINCT asked.input_key
    FROM asked
    INNER JOIN other_answers AS other
        ON other.source = asked.source
        AND other.schema = asked.schema
        AND other.generation > asked.generation
        AND other.answered.start_ts < asked.end_ts
        AND other.answered.end_ts > asked.start_ts
    WHERE asked.tickers IS NULL
        OR list_has_any(other.tickers, asked.tickers)
)
SELECT
    asked.input_key,
    coalesce(successors.input_keys, []) AS successors,
    replaced.input_key IS NOT NULL AS is_replaced
FROM asked
LEFT JOIN successors USING (input_key)
LEFT JOIN replaced USING (input_key)
ORDER BY asked.place
