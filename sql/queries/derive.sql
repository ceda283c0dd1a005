-- Refresh the tables that are derived from the replayed ones.

-- name: refresh_series
-- Rebuild core.series from core.files: one row per stored series.
DELETE FROM core.series;

INSERT INTO core.series BY NAME
WITH widths AS (
    SELECT
        schema,
        regexp_extract(schema, '^ohlcv-(\d+)([smhd])$', 1)::BIGINT
        * CASE regexp_extract(schema, '^ohlcv-(\d+)([smhd])$', 2)
            WHEN 's' THEN 1
            WHEN 'm' THEN 60
            WHEN 'h' THEN 3600
            ELSE 86400
        END
        * 1000000 AS step_us
    FROM (SELECT DISTINCT schema FROM core.files)
)

SELECT
    files.ticker,
    files.source,
    files.schema,
    any_value(widths.step_us) AS step_us,
    arg_max(files.day_tz, files.ts_max) AS day_tz,
    min(files.ts_min) AS first_ts,
    max(files.ts_max) AS last_ts,
    sum(files.row_count)::BIGINT AS row_count,
    sum(files.byte_size)::BIGINT AS byte_size,
    count(*) AS file_count
FROM core.files
INNER JOIN widths USING (schema)
GROUP BY files.ticker, files.source, files.schema
ORDER BY files.ticker, files.source, files.schema;

-- name: refresh_ticker_list
-- Rebuild core.ticker_list: one row per ticker that is stored or configured, its calendar resolved.
-- `inferred_calendars` (ticker, calendar) is what Python inferred for tickers without a configured calendar.
DELETE FROM core.ticker_list;

INSERT INTO core.ticker_list BY NAME
SELECT
    tickers.ticker,
    settings.universe_position,
    settings.data_source,
    settings.priority,
    settings.weight,
    coalesce(settings.calendar, inferred.calendar) AS calendar,
    settings.calendar IS NULL AS calendar_is_inferred,
    coalesce(settings.calendar, inferred.calendar)
    || CASE
        WHEN settings.session_start IS NULL AND settings.session_end IS NULL THEN ''
        ELSE concat_ws(
            ' ',
            '',
            coalesce(settings.session_start, '') || '-' || coalesce(settings.session_end, ''),
            settings.timezone
        )
    END AS session_key,
    settings.session_start,
    settings.session_end,
    settings.timezone,
    settings.bar_interval,
    settings.active_from,
    settings.active_to,
    settings.max_gap_minutes,
    settings.outlier_std_threshold,
    settings.metadata,
    settings.updated_at
FROM (
    SELECT ticker FROM core.series
    UNION
    SELECT ticker FROM core.ticker_settings
) AS tickers
LEFT JOIN core.ticker_settings AS settings USING (ticker)
LEFT JOIN inferred_calendars AS inferred USING (ticker)
ORDER BY tickers.ticker;

-- name: tickers_without_calendar
-- Stored or configured tickers without a configured calendar: ticker, provider, dataset. Their source is the configured
-- one, else the one with the most bars.
SELECT
    tickers.ticker,
    arg_max(
        sources.provider, (coalesce(sources.source = settings.data_source, FALSE), coalesce(series.row_count, 0))
    ) AS provider,
    arg_max(
        sources.dataset, (coalesce(sources.source = settings.data_source, FALSE), coalesce(series.row_count, 0))
    ) AS dataset
FROM (
    SELECT ticker FROM core.series
    UNION
    SELECT ticker FROM core.ticker_settings
) AS tickers
LEFT JOIN core.ticker_settings AS settings USING (ticker)
LEFT JOIN core.series USING (ticker)
LEFT JOIN core.sources ON sources.source = coalesce(series.source, settings.data_source)
WHERE settings.calendar IS NULL
GROUP BY tickers.ticker
ORDER BY tickers.ticker

-- name: insert_dividend_closes
-- For the dividends of $tickers, the last regular close before each ex-date, raw, in every series.
--
-- core.price_factors turns dividends into factors with them; they are looked up once instead of in every query.
-- Grain of the result: one row per ticker, source, schema and ex-date with a close in the ten days before.
-- Inputs: core.latest_dividends, core.bars, core.series, core.ticker_list, core.session_days.
-- NULLs: none.
INSERT INTO core.dividend_closes BY NAME
WITH days_before AS (
    SELECT d.ticker, d.ex_dividend_date, d.ex_dividend_date - back.days::INTEGER AS session_date
    FROM (SELECT DISTINCT ticker, ex_dividend_date FROM core.latest_dividends) AS d
    CROSS JOIN range(1, 11) AS back (days)
    WHERE list_contains($tickers::VARCHAR[], d.ticker)
),
dated_bars AS (
    SELECT
        b.ticker,
        b.source,
        b.schema,
        b.ts_event,
        b.close,
        CASE
            WHEN s.step_us >= 86400000000 THEN timezone(s.day_tz, b.ts_event)::DATE
            ELSE d.session_date
        END AS session_date
    FROM core.bars AS b
    JOIN core.series AS s USING (ticker, source, schema)
    JOIN core.ticker_list AS t USING (ticker)
    LEFT JOIN core.session_days AS d
        ON d.session_key = t.session_key
        AND d.utc_day = epoch_us(b.ts_event) // 86400000000
        AND d.segment = 'regular'
        AND epoch_us(b.ts_event) >= d.start_us
        AND epoch_us(b.ts_event) < d.end_us
    WHERE list_contains($tickers::VARCHAR[], b.ticker)
        AND b.close IS NOT NULL
)
SELECT
    b.ticker,
    b.source,
    b.schema,
    d.ex_dividend_date,
    arg_max(b.close, b.ts_event) AS previous_close
FROM dated_bars AS b
JOIN days_before AS d USING (ticker, session_date)
GROUP BY b.ticker, b.source, b.schema, d.ex_dividend_date;

-- name: stale_dividend_closes
-- Tickers with other dividends or files than when their closes were looked up.
WITH file_digests AS (
    SELECT ticker, md5(string_agg(file_id, ',' ORDER BY file_id)) AS files
    FROM core.files
    GROUP BY ticker
),
dividend_digests AS (
    SELECT ticker, md5(string_agg(ex_dividend_date::VARCHAR, ',' ORDER BY ex_dividend_date)) AS dividends
    FROM core.latest_dividends
    GROUP BY ticker
)
SELECT d.ticker, md5(d.dividends || coalesce(f.files, '')) AS digest
FROM dividend_digests AS d
LEFT JOIN file_digests AS f USING (ticker)
WHERE md5(d.dividends || coalesce(f.files, '')) NOT IN (SELECT o.digest FROM core.object_digests AS o)
ORDER BY d.ticker;

-- name: delete_dividend_closes
-- Delete the closes of $tickers.
DELETE FROM core.dividend_closes WHERE list_contains($tickers::VARCHAR[], ticker);

-- name: calendars_to_extend
-- Calendars in use, and the default one, that have no sessions yet or none after $horizon: calendar, last session.
SELECT
    needed.calendar,
    max(sessions.session_date) AS last_session
FROM (
    SELECT calendar FROM core.ticker_list
    UNION
    SELECT 'XNYS'
) AS needed
LEFT JOIN core.sessions AS sessions USING (calendar)
GROUP BY needed.calendar
HAVING max(sessions.session_date) IS NULL OR max(sessions.session_date) < $horizon
ORDER BY needed.calendar

-- name: tickers_of_calendars
-- The tickers of some calendars ($calendars), configured or known from a data set; a guess by the name is not enough.
SELECT listed.ticker
FROM core.ticker_list AS listed
WHERE list_contains($calendars, listed.calendar)
    AND (
        NOT listed.calendar_is_inferred
        OR EXISTS (
            FROM core.series
            INNER JOIN core.sources USING (source)
            WHERE series.ticker = listed.ticker AND sources.dataset IS NOT NULL
        )
    )
ORDER BY listed.ticker

-- name: calendar_sessions
-- The keys of all sessions of the calendars in the list $calendars.
SELECT calendar, session_date FROM core.sessions WHERE list_contains($calendars, calendar) ORDER BY ALL;
