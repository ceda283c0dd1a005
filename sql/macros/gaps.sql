-- gaps(tickers, max_gap_minutes, …): runs of missing minutes within regular hours that last longer than the limit.
--
-- Thin tickers have minutes without a trade; reason separates those from ranges never requested, failed or rejected.
-- tickers NULL without a configured universe: every ticker that has bars of this width, or of one that divides it.
-- Grain: one row per ticker and run, ordered by ticker and time; a run ends where its session (or the time before or
--   after a break) ends.
-- Options: max_gap_minutes NULL takes each ticker's configured limit, else the configured default. start_ts, end_ts, tz
--   as in resampled; an open bound is the ticker's first or last session with bars. bar_interval (1 minute) is the
--   width of what is missing. from_source, from_schema.
-- Inputs: core.missing_runs, core.coverage, core.standing_rejections.
-- NULLs: ledger_reason where the source gave none.
-- Columns:
--   ticker: Ticker
--   session_date: Session
--   first_missing: Open of the first missing bar, UTC
--   last_missing: Open of the last missing bar, UTC
--   missing_bars: Number of missing bars
--   missing_minutes: Length of the run in minutes
--   position: leading, interior, trailing, or whole for a session (or part of one) without any bar
--   reason: By the newest answer: not asked (all or part), asked and no trade, partial, failed or quarantined
--   ledger_reason: Explanation by the source or the check
--   max_gap_minutes: Limit that was applied
--   source: Source of the series
--   schema: Schema of the series
-- Example: FROM gaps(['AAPL', 'MSFT'], 5, start_ts := DATE '2023-01-03', end_ts := DATE '2023-01-31');

CREATE OR REPLACE MACRO gaps(
    tickers,
    max_gap_minutes,
    start_ts := NULL,
    end_ts := NULL,
    tz := {{tz}},
    bar_interval := INTERVAL 1 MINUTE,
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH long_runs AS (
    SELECT
        r.ticker_slot,
        c.ticker,
        c.source,
        c.schema,
        r.session_date,
        r.start_us,
        r.end_us,
        r.missing_bars,
        r.position,
        coalesce(
            TRY_CAST(max_gap_minutes::VARCHAR AS DOUBLE), t.max_gap_minutes, {{max_gap_minutes}}
        )::DOUBLE AS limit_minutes
    FROM core.missing_runs(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema
    ) AS r
    JOIN core.chosen_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema
    ) AS c USING (ticker_slot)
    JOIN core.ticker_list AS t USING (ticker)
    WHERE r.end_us - r.start_us > 60000000 * coalesce(
        TRY_CAST(max_gap_minutes::VARCHAR AS DOUBLE), t.max_gap_minutes, {{max_gap_minutes}}
    )::DOUBLE
),
answered_ranges AS (
    SELECT
        r.ticker,
        r.start_us,
        r.end_us,
        a.result,
        coalesce(a.reason, '') AS ledger_reason,
        (a.generation, a.fetched_at) AS age,
        epoch_us(a.start_ts) AS answer_start_us,
        epoch_us(a.end_ts) AS answer_end_us,
        max(epoch_us(a.end_ts)) OVER (
            PARTITION BY r.ticker, r.start_us, a.result = 'failed' ORDER BY epoch_us(a.start_ts) ASC
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS earlier_end_us
    FROM long_runs AS r
    JOIN core.coverage AS a
        ON a.ticker = r.ticker
        AND a.source = r.source
        AND a.schema = r.schema
        AND epoch_us(a.start_ts) < r.end_us
        AND epoch_us(a.end_ts) > r.start_us
),
answers AS (
    SELECT
        ticker,
        start_us,
        -- A failed request wrote nothing: it explains only what no other answer covers.
        arg_max(result, age) FILTER (result <> 'failed') AS result,
        arg_max(ledger_reason, age) FILTER (result <> 'failed') AS ledger_reason,
        arg_max(ledger_reason, age) FILTER (result = 'failed') AS failure,
        -- The rest of a partly requested run is unknown.
        min(answer_start_us) FILTER (result <> 'failed') <= start_us
        AND max(answer_end_us) FILTER (result <> 'failed') >= end_us
        AND count(CASE WHEN result <> 'failed' AND answer_start_us > earlier_end_us THEN 1 END) = 0 AS is_whole
    FROM answered_ranges
    GROUP BY ticker, start_us, end_us
),
rejected AS (
    SELECT r.ticker_slot, r.start_us, min(q.reason) AS reason
    FROM long_runs AS r
    JOIN core.standing_rejections(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema
    ) AS q
        ON q.ticker_slot = r.ticker_slot
        AND q.ts_us >= r.start_us
        AND q.ts_us < r.end_us
    GROUP BY r.ticker_slot, r.start_us
),
explained_runs AS (
    SELECT
        r.ticker,
        r.session_date,
        make_timestamptz(r.start_us) AS first_missing,
        make_timestamptz(r.start_us + (r.missing_bars - 1) * core.step_us(bar_interval)) AS last_missing,
        r.missing_bars,
        ((r.end_us - r.start_us) / 60000000) AS missing_minutes,
        r.position,
        CASE
            WHEN q.ticker_slot IS NOT NULL THEN 'quarantined'
            WHEN a.result IN ('complete', 'empty') AND a.is_whole THEN 'asked and no trade'
            WHEN a.result NOT IN ('complete', 'empty') THEN a.result
            WHEN a.failure IS NOT NULL THEN 'failed'
            ELSE 'not asked'
        END AS reason,
        coalesce(
            q.reason,
            nullif(
                CASE
                    WHEN a.result NOT IN ('complete', 'empty') OR a.is_whole THEN a.ledger_reason
                    ELSE coalesce(a.failure, a.ledger_reason)
                END,
                ''
            )
        ) AS ledger_reason,
        r.limit_minutes AS max_gap_minutes,
        r.source,
        r.schema
    FROM long_runs AS r
    LEFT JOIN answers AS a
        ON a.ticker = r.ticker
        AND a.start_us = r.start_us
    LEFT JOIN rejected AS q
        ON q.ticker_slot = r.ticker_slot
        AND q.start_us = r.start_us
)
SELECT
    r.ticker::VARCHAR AS ticker,
    r.session_date::DATE AS session_date,
    r.first_missing::TIMESTAMPTZ AS first_missing,
    r.last_missing::TIMESTAMPTZ AS last_missing,
    r.missing_bars::BIGINT AS missing_bars,
    r.missing_minutes::DOUBLE AS missing_minutes,
    r.position::VARCHAR AS position,
    r.reason::VARCHAR AS reason,
    r.ledger_reason::VARCHAR AS ledger_reason,
    r.max_gap_minutes::DOUBLE AS max_gap_minutes,
    r.source::VARCHAR AS source,
    r.schema::VARCHAR AS schema
FROM (
    FROM explained_runs
    UNION ALL BY NAME
    FROM core.check_call(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema, may_skip := true,
        other_problems := [
            core.store_problem({{store}}),
            core.intraday_problem('bar_interval', bar_interval),
            core.positive_problem('max_gap_minutes', max_gap_minutes)
        ]
    )
) AS r
ORDER BY ticker, first_missing;
