-- core.filled_rows(tickers, bar_interval, …): core.aligned_rows, filled forward; see aligned_ffill.
--
-- With fill 'none' the values stay as they are, beside their age. Raises an error if an argument is not valid.
-- Grain: one row per ticker and bucket of the range.
-- Inputs: core.aligned_rows.
-- NULLs: values without an earlier bar in the range (or lookback) within max_age; vwap on filled rows.
-- Columns:
{{aligned_columns}}
-- Example: FROM core.filled_rows(['AAPL', 'MSFT'], INTERVAL 5 MINUTE, max_age := INTERVAL 1 HOUR);

CREATE OR REPLACE MACRO core.filled_rows(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    adjust := {{adjust}},
    from_source := NULL,
    from_schema := NULL,
    fill_volume := {{fill_volume}},
    fill_prices := {{fill_prices}},
    max_age := {{max_age}},
    across_sessions := {{across_sessions}},
    lookback := NULL,
    partial := 'drop',
    is_grid := false,
    fill := 'forward',
    other_problems := NULL
) AS TABLE
WITH carried AS (
    SELECT
        r.*,
        last_value(r.open IGNORE NULLS) OVER past AS last_open,
        last_value(r.high IGNORE NULLS) OVER past AS last_high,
        last_value(r.low IGNORE NULLS) OVER past AS last_low,
        last_value(r.close IGNORE NULLS) OVER past AS last_close,
        last_value(r.volume IGNORE NULLS) OVER past AS last_volume,
        last_value(r.transactions IGNORE NULLS) OVER past AS last_transactions,
        max(CASE WHEN r.is_present THEN epoch_us(r.ts_event) END) OVER past AS last_us
    FROM core.aligned_rows(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema, partial := partial,
        lookback := lookback, is_grid := is_grid
    ) AS r
    WINDOW past AS (
        PARTITION BY r.ticker, CASE WHEN across_sessions THEN NULL ELSE r.own_date END
        ORDER BY r.ts_event ASC
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),
judged AS (
    SELECT
        c.*,
        epoch_us(c.ts_event) - c.last_us AS age_us,
        c.last_us IS NOT NULL
        AND epoch_us(c.ts_event) - c.last_us <= coalesce(core.span_us(max_age), 9000000000000000000)
        -- Nothing is filled in outside of the sessions that the ticker is shown for.
        AND (c.is_present OR (
            coalesce(c.bucket_date >= t.active_from, true) AND coalesce(c.bucket_date <= t.active_to, true)
        )) AS is_fresh
    FROM carried AS c
    LEFT JOIN core.ticker_list AS t USING (ticker)
),
filled AS (
    SELECT
        ticker,
        ts_event,
        ts_close,
        session_date,
        CASE
            WHEN fill <> 'forward' THEN open
            WHEN NOT is_fresh THEN NULL
            WHEN is_present OR fill_prices <> 'close' THEN last_open
            ELSE last_close
        END AS open,
        CASE
            WHEN fill <> 'forward' THEN high
            WHEN NOT is_fresh THEN NULL
            WHEN is_present OR fill_prices <> 'close' THEN last_high
            ELSE last_close
        END AS high,
        CASE
            WHEN fill <> 'forward' THEN low
            WHEN NOT is_fresh THEN NULL
            WHEN is_present OR fill_prices <> 'close' THEN last_low
            ELSE last_close
        END AS low,
        CASE WHEN fill <> 'forward' THEN close WHEN is_fresh THEN last_close END AS close,
        CASE
            WHEN is_present OR fill <> 'forward' THEN volume
            WHEN NOT is_fresh OR fill_volume = 'null' THEN NULL
            WHEN fill_volume = 'ffill' THEN last_volume
            ELSE 0
        END AS volume,
        vwap,
        CASE
            WHEN is_present OR fill <> 'forward' THEN transactions
            WHEN NOT is_fresh OR fill_volume = 'null' THEN NULL
            WHEN fill_volume = 'ffill' THEN last_transactions
            ELSE 0
        END AS transactions,
        bar_count,
        is_present,
        to_microseconds(age_us) AS age,
        source,
        schema
    FROM judged
    WHERE in_range
)
SELECT
    f.ticker::VARCHAR AS ticker,
    f.ts_event::TIMESTAMPTZ AS ts_event,
    f.ts_close::TIMESTAMPTZ AS ts_close,
    f.session_date::DATE AS session_date,
    f.open::DOUBLE AS open,
    f.high::DOUBLE AS high,
    f.low::DOUBLE AS low,
    f.close::DOUBLE AS close,
    f.volume::DOUBLE AS volume,
    f.vwap::DOUBLE AS vwap,
    f.transactions::BIGINT AS transactions,
    f.bar_count::BIGINT AS bar_count,
    f.is_present::BOOLEAN AS is_present,
    f.age::INTERVAL AS age,
    f.source::VARCHAR AS source,
    f.schema::VARCHAR AS schema
FROM (
    FROM filled
    UNION ALL BY NAME
    FROM core.check_call(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema,
        other_problems := list_concat(other_problems::VARCHAR[], [
            core.choice_problem('fill', fill, ['none', 'forward']),
            core.choice_problem('partial', partial, ['drop', 'cut']),
            core.fill_problem(fill_volume, fill_prices, max_age, across_sessions, lookback)
        ])
    )
) AS f;
