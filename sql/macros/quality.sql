-- quality(tickers, max_gap_minutes, …): expected, present and suspicious bars of each ticker and session.
--
-- tickers NULL without a configured universe: every ticker that has bars of this width, or of one that divides it.
-- Grain: one row per ticker and session with regular hours in the range, ordered by ticker and date.
-- Options: max_gap_minutes and std_threshold NULL take each ticker's configured limits, else the configured defaults.
--   start_ts, end_ts, tz, from_source, from_schema as in resampled; an open bound is the ticker's first or last session
--   with bars. bar_interval (1 minute) is the width of an expected bar.
-- Inputs: one stored series per ticker (core.chosen_series), the calendar, the quarantine.
-- NULLs: first_bar and last_bar in a session without bars; source and schema, too, of a ticker without stored bars.
-- Columns:
{{quality_columns}}
-- Example: FROM quality(['AAPL'], 5, start_ts := DATE '2023-01-03') WHERE completeness < 1;

CREATE OR REPLACE MACRO quality(
    tickers,
    max_gap_minutes,
    start_ts := NULL,
    end_ts := NULL,
    tz := {{tz}},
    bar_interval := INTERVAL 1 MINUTE,
    std_threshold := NULL,
    from_source := NULL,
    from_schema := NULL
) AS TABLE
SELECT
    q.ticker::VARCHAR AS ticker,
    q.session_date::DATE AS session_date,
    q.expected_bars::BIGINT AS expected_bars,
    q.present_bars::BIGINT AS present_bars,
    q.completeness::DOUBLE AS completeness,
    q.gap_count::BIGINT AS gap_count,
    q.longest_gap_minutes::DOUBLE AS longest_gap_minutes,
    q.outlier_count::BIGINT AS outlier_count,
    q.zero_volume_bars::BIGINT AS zero_volume_bars,
    q.quarantined_rows::BIGINT AS quarantined_rows,
    q.off_session_bars::BIGINT AS off_session_bars,
    q.first_bar::TIMESTAMPTZ AS first_bar,
    q.last_bar::TIMESTAMPTZ AS last_bar,
    q.source::VARCHAR AS source,
    q.schema::VARCHAR AS schema
FROM (
    FROM core.quality(
        tickers, max_gap_minutes, start_ts := start_ts, end_ts := end_ts, tz := tz, bar_interval := bar_interval,
        std_threshold := std_threshold, from_source := from_source, from_schema := from_schema
    )
    UNION ALL BY NAME
    FROM core.check_call(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema, may_skip := true,
        other_problems := [
            core.store_problem({{store}}),
            core.intraday_problem('bar_interval', bar_interval),
            core.positive_problem('max_gap_minutes', max_gap_minutes),
            core.positive_problem('std_threshold', std_threshold)
        ]
    )
) AS q
ORDER BY ticker, session_date;
