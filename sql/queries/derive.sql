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

-- name: refresh_series_sessions
-- Rebuild core.series_sessions from core.series and core.session_days.
DELETE FROM core.series_sessions;

INSERT INTO core.series_sessions BY NAME
WITH several AS (
    SELECT
        series.*,
        listed.session_key,
        epoch_us(series.first_ts) AS first_us,
        epoch_us(series.last_ts) AS last_us
    FROM core.series AS series
    INNER JOIN core.ticker_list AS listed USING (ticker)
    QUALIFY count(*) OVER (PARTITION BY series.ticker) > 1
),

dated AS (
    SELECT
        several.*,
        CASE
            WHEN several.step_us >= 86400000000 THEN timezone(several.day_tz, several.first_ts)::DATE
            ELSE coalesce(first_day.session_date, timezone('UTC', several.first_ts)::DATE)
        END AS first_date,
        CASE
            WHEN several.step_us >= 86400000000 THEN timezone(several.day_tz, several.last_ts)::DATE
            ELSE coalesce(last_day.session_date, timezone('UTC', several.last_ts)::DATE)
        END AS last_date
    FROM several
    LEFT JOIN core.session_days AS first_day
        ON
            several.session_key = first_day.session_key
            AND several.first_us // 86400000000 = first_day.utc_day
            AND several.first_us >= first_day.start_us
            AND several.first_us < first_day.end_us
    LEFT JOIN core.session_days AS last_day
        ON
            several.session_key = last_day.session_key
            AND several.last_us // 86400000000 = last_day.utc_day
            AND several.last_us >= last_day.start_us
            AND several.last_us < last_day.end_us
),

sessions AS (
    SELECT
        session_key,
        session_date,
        min(start_us) AS start_us,
        max(end_us) AS end_us
    FROM core.session_days
    WHERE segment <> 'closed' AND session_key IN (SELECT session_key FROM several)
    GROUP BY session_key, session_date
)

SELECT
    dated.ticker,
    dated.source,
    dated.schema,
    dated.first_date,
    dated.last_date,
    coalesce(previous.session_date, dated.first_date - 1) AS previous_date,
    coalesce(previous.end_us, dated.first_us) AS previous_end_us,
    coalesce(following.session_date, dated.last_date + 1) AS next_date,
    coalesce(following.start_us, dated.last_us + dated.step_us) AS next_start_us
FROM dated
ASOF LEFT JOIN sessions AS previous
    ON dated.session_key = previous.session_key AND dated.first_date > previous.session_date
ASOF LEFT JOIN sessions AS following
    ON dated.session_key = following.session_key AND dated.last_date < following.session_date
ORDER BY dated.ticker, dated.source, dated.schema;

-- name: refresh_ticker_list
-- Rebuild core.ticker_list: one row per ticker that is stored or configured, its calendar resolved.
-- `inferred_calendars` (ticker, calendar) is what Python inferred from the names of tickers without a configured
-- calendar; one that their bars decided goes before.
DELETE FROM core.ticker_list;

INSERT INTO core.ticker_list BY NAME
SELECT
    tickers.ticker,
    settings.universe_position,
    settings.data_source,
    settings.priority,
    settings.weight,
    coalesce(settings.calendar, observed.calendar, inferred.calendar) AS calendar,
    settings.calendar IS NULL AS calendar_is_inferred,
    coalesce(settings.calendar, observed.calendar, inferred.calendar)
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
LEFT JOIN core.observed_calendars AS observed USING (ticker)
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
-- For the dividends of $tickers, the last regular close before each ex-date, in every series, for a share as it is on
-- the ex-date: splits after the close, up to the ex-date, are applied to it.
--
-- core.price_factors turns dividends into factors with them; they are looked up once instead of in every query.
-- Grain of the result: one row per ticker, source, schema and ex-date with a close before it.
-- Inputs: core.latest_dividends, core.latest_splits, core.bars, core.series, core.ticker_list, core.session_days.
-- NULLs: none.
INSERT INTO core.dividend_closes BY NAME
WITH dated_bars AS (
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
),
days AS (
    SELECT ticker, source, schema, session_date AS day, arg_max(close, ts_event) AS close, session_date AS close_date
    FROM dated_bars
    WHERE session_date IS NOT NULL
    GROUP BY ticker, source, schema, session_date
    UNION ALL
    SELECT s.ticker, s.source, s.schema, d.ex_dividend_date, NULL, NULL
    FROM (SELECT DISTINCT ticker, ex_dividend_date FROM core.latest_dividends) AS d
    JOIN core.series AS s USING (ticker)
    WHERE list_contains($tickers::VARCHAR[], s.ticker)
),
-- An ASOF join would be shorter, but its plan is quadratic where few rows are expected.
closes_before AS (
    SELECT
        ticker,
        source,
        schema,
        day AS ex_dividend_date,
        close IS NULL AS is_ex_date,
        last_value(close IGNORE NULLS) OVER up_to_day AS close,
        last_value(close_date IGNORE NULLS) OVER up_to_day AS close_date
    FROM days
    WINDOW up_to_day AS (
        PARTITION BY ticker, source, schema
        ORDER BY day ASC, close_date ASC NULLS FIRST
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
)
SELECT
    c.ticker,
    c.source,
    c.schema,
    c.ex_dividend_date,
    min(c.close) * coalesce(product(s.split_from / s.split_to), 1) AS previous_close
FROM closes_before AS c
LEFT JOIN core.latest_splits AS s
    ON s.ticker = c.ticker
    AND s.execution_date > c.close_date
    AND s.execution_date <= c.ex_dividend_date
WHERE c.is_ex_date
    AND c.close IS NOT NULL
GROUP BY c.ticker, c.source, c.schema, c.ex_dividend_date;

-- name: stale_dividend_closes
-- Tickers with other dividends, splits, sessions or files than when their closes were looked up.
WITH events AS (
    SELECT ticker, ex_dividend_date::VARCHAR AS event FROM core.latest_dividends
    UNION ALL
    SELECT ticker, concat_ws('|', execution_date, split_from / split_to)
    FROM core.latest_splits
    WHERE ticker IN (SELECT ticker FROM core.latest_dividends)
    UNION ALL
    SELECT ticker, file_id
    FROM core.files
    WHERE ticker IN (SELECT ticker FROM core.latest_dividends)
    UNION ALL
    SELECT t.ticker, t.session_key || d.digest
    FROM core.ticker_list AS t
    JOIN (
        SELECT session_key, bit_xor(hash(start_us, end_us, session_date))::VARCHAR AS digest
        FROM core.session_days
        WHERE segment = 'regular'
        GROUP BY session_key
    ) AS d USING (session_key)
    WHERE t.ticker IN (SELECT ticker FROM core.latest_dividends)
    UNION ALL
    -- One whose dividends are all gone.
    SELECT DISTINCT ticker, NULL FROM core.dividend_closes
),
digests AS (
    SELECT ticker, md5(ticker || coalesce(string_agg(event, ',' ORDER BY event), '')) AS digest
    FROM events
    GROUP BY ticker
)
SELECT ticker, digest
FROM digests
WHERE digest NOT IN (SELECT o.digest FROM core.object_digests AS o)
ORDER BY ticker;

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

-- name: calendar_definitions
-- The digest of each custom calendar's definition, where it is known.
SELECT calendar, definition FROM core.calendars WHERE definition IS NOT NULL ORDER BY calendar;

-- name: calendar_sessions
-- The keys of all sessions of the calendars in the list $calendars.
SELECT calendar, session_date FROM core.sessions WHERE list_contains($calendars, calendar) ORDER BY ALL;
