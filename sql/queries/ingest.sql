-- Read vendors' files and what earlier runs brought into the store.

-- name: earlier_ingests
-- The inputs among $keys that were ingested before, one row each. successors: keys of newer inputs with the same
-- tickers and time. is_replaced: an answer that was fetched since has the same tickers and time. The first stores do
-- not have some columns until their next commit: those are NULL then.
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
requested AS (
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
        requested.input_key,
        list(newer.input_key ORDER BY newer.place) AS input_keys
    FROM requested
    INNER JOIN inputs AS newer
        ON newer.source = requested.source
        AND newer.schema = requested.schema
        AND newer.place > requested.place
        AND newer.start_ts < requested.end_ts
        AND newer.end_ts > requested.start_ts
    WHERE requested.tickers IS NULL
        OR newer.tickers IS NULL
        OR list_has_any(newer.tickers, requested.tickers)
    GROUP BY requested.input_key
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
        AND ledger.generation > (SELECT min(generation) FROM requested)
        AND NOT EXISTS (
            SELECT 1
            FROM inputs AS own
            WHERE (own.run_id, own.source, own.schema) = (ledger.run_id, ledger.source, ledger.schema)
        )
),
replaced AS (
    SELECT DISTINCT requested.input_key
    FROM requested
    INNER JOIN other_answers AS other
        ON other.source = requested.source
        AND other.schema = requested.schema
        AND other.generation > requested.generation
        AND other.answered.start_ts < requested.end_ts
        AND other.answered.end_ts > requested.start_ts
    WHERE requested.tickers IS NULL
        OR list_has_any(other.tickers, requested.tickers)
)
SELECT
    requested.input_key,
    coalesce(successors.input_keys, []) AS successors,
    replaced.input_key IS NOT NULL AS is_replaced
FROM requested
LEFT JOIN successors USING (input_key)
LEFT JOIN replaced USING (input_key)
ORDER BY requested.place

-- name: readings
-- The inputs with some bytes ($digests), the oldest first, and the arguments of the runs that read them.
SELECT
    inputs.input_key,
    inputs.sha256,
    inputs.source,
    inputs.run_id,
    runs.arguments
FROM core.inputs AS inputs
LEFT JOIN core.ingest_runs AS runs USING (run_id)
WHERE list_contains($digests, inputs.sha256)
ORDER BY inputs.rowid

-- name: day_zone
-- The zone of a stored series' daily bars ($ticker, $source, $schema).
SELECT day_tz
FROM core.series
WHERE ticker = $ticker
  AND source = $source
  AND schema = $schema

-- name: standing_bars
-- The bars of a stored series ($ticker, $source, $schema) from one bar to another ($first_us, $last_us), in order of
-- time, in µs since the epoch.
SELECT
    epoch_us(ts_event) AS ts_us,
    open,
    high,
    low,
    close,
    volume,
    vwap,
    transactions
FROM core.bars
WHERE ticker = $ticker
  AND source = $source
  AND schema = $schema
  AND ts_event BETWEEN make_timestamptz($first_us) AND make_timestamptz($last_us)
ORDER BY ts_event

-- name: coverage_of_tickers
-- The coverage ledger of some tickers ($tickers) of one source and schema, the oldest answer first; times in µs since
-- the epoch. Answers fetched over the network (a killed run has no row in ingest_runs) have the digest of their
-- request, answers from files have none.
SELECT
    ledger.ticker,
    ledger.starts_us,
    ledger.ends_us,
    ledger.result,
    ledger.reason,
    CASE WHEN coalesce(runs.kind, 'fetch') = 'fetch' THEN ledger.request_key END AS request_key,
    ledger.fetched_at_us,
    ledger.fresh_until_us
FROM (
    SELECT
        unnest(list_intersect(tickers, $tickers)) AS ticker,
        [epoch_us(covered.start_ts) FOR covered IN ranges] AS starts_us,
        [epoch_us(covered.end_ts) FOR covered IN ranges] AS ends_us,
        result,
        reason,
        request_key,
        run_id,
        epoch_us(fetched_at) AS fetched_at_us,
        epoch_us(fresh_until) AS fresh_until_us,
        generation,
        rowid AS place
    FROM core.coverage_ledger
    WHERE source = $source
      AND schema = $schema
) AS ledger
LEFT JOIN core.ingest_runs AS runs USING (run_id)
ORDER BY ledger.generation, ledger.place

-- name: stored_sessions
-- The stored sessions of one calendar ($calendar), in µs since the epoch.
SELECT
    session_date,
    epoch_us(open_ts) AS open_us,
    epoch_us(close_ts) AS close_us
FROM core.sessions
WHERE calendar = $calendar
ORDER BY open_ts

-- name: tickers_with_prefixes
-- The stored tickers that begin with one of $prefixes.
SELECT DISTINCT ticker
FROM core.files
WHERE list_contains($prefixes, left(ticker, 2))

-- name: ticker_calendars
-- The calendar of every ticker, whether it was inferred, and its session key, which differs if it has hours of its own.
SELECT
    ticker,
    calendar,
    calendar_is_inferred AS is_inferred,
    session_key
FROM core.ticker_list

-- name: intraday_rows
-- The number of stored intraday bars of every ticker.
SELECT ticker, sum(row_count)::BIGINT AS row_count
FROM core.series
WHERE step_us < 86400000000
GROUP BY ticker

-- name: session_hours
-- The stored sessions of one calendar ($calendar) and its zone: days since 1970-01-01, µs since the epoch.
SELECT
    calendars.timezone,
    sessions.session_date - DATE '1970-01-01' AS day,
    epoch_us(sessions.open_ts) AS open_us,
    epoch_us(sessions.close_ts) AS close_us
FROM core.sessions AS sessions
INNER JOIN core.calendars AS calendars USING (calendar)
WHERE sessions.calendar = $calendar
ORDER BY sessions.open_ts

-- name: sources
-- Every source and what its name is bound to.
SELECT
    source,
    provider,
    dataset
FROM core.sources
ORDER BY source

-- name: read_flat_files
-- The rows of Polygon flat files ($files), by column name and with the types given ($columns), never sniffed.
-- Lines that cannot be read go to DuckDB's reject tables. $tickers NULL: all. Rows without a ticker are kept. Files of
-- indices have no volume and transactions; session_end_date is in files of futures alone.
SELECT
    window_start // 1000 AS ts_us,
    (window_start % 1000)::SMALLINT AS ts_remainder,
    file_index::INTEGER AS file_index,
    COLUMNS('^(ticker|open|high|low|close|volume|transactions|session_end_date)$')
FROM read_csv(
    $files,
    columns = $columns,
    auto_detect = FALSE,
    header = TRUE,
    delim = ',',
    quote = '"',
    nullstr = '',
    strict_mode = TRUE,
    store_rejects = TRUE
)
WHERE $tickers IS NULL OR ticker IS NULL OR list_contains($tickers, ticker)

-- name: flat_file_rejects
-- Lines that the last read_csv rejected: one row per line, with its first error.
SELECT
    any_value(scans.file_path) AS path,
    errors.line,
    arg_min(errors.error_message, errors.column_idx) AS error,
    any_value(errors.csv_line) AS text
FROM reject_errors AS errors
INNER JOIN reject_scans AS scans USING (scan_id, file_id)
GROUP BY errors.scan_id, errors.file_id, errors.line
ORDER BY path, errors.line

-- name: migrated_times
-- The times (µs since the epoch) of one ticker's bars ($ticker, $schema, $source), stored and quarantined.
SELECT epoch_us(ts_event) AS ts_us, false AS is_quarantined
FROM core.bars
WHERE ticker = $ticker
    AND schema = $schema
    AND source = $source
UNION ALL
SELECT epoch_us(ts_event), true
FROM core.quarantine
WHERE ticker = $ticker
    AND schema = $schema
    AND source = $source
    AND ts_event IS NOT NULL

-- name: reference_times
-- When splits and dividends of tickers were last fetched from a source ($source), in µs since the epoch.
SELECT
    input_key,
    epoch_us(ingested_at) AS fetched_at_us
FROM core.inputs
WHERE source = $source
  AND schema = 'reference'

-- name: events_beside_others
-- Dates on which the events without an id of a source ($source) come from several files, the last of them seen at
-- $seen_at: kind, ticker, date and number of events.
SELECT 'split' AS kind, ticker, execution_date AS day, count(*) AS events
FROM core.splits
WHERE source = $source AND event_id IS NULL
GROUP BY ticker, execution_date
HAVING count(DISTINCT seen_at) > 1 AND max(seen_at) = $seen_at
UNION ALL
SELECT 'dividend', ticker, ex_dividend_date, count(*)
FROM core.dividends
WHERE source = $source AND event_id IS NULL
GROUP BY ticker, ex_dividend_date
HAVING count(DISTINCT seen_at) > 1 AND max(seen_at) = $seen_at
ORDER BY kind, ticker, day
