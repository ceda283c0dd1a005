-- quality: expected, present and suspicious bars of each ticker and session in the store.
--
-- With every ticker's configured limits. It looks at every stored bar: for a few tickers or a range, call the macro
-- of the same name.
-- Grain: one row per ticker and session, from the ticker's first session with bars to its last.
-- Inputs: core.quality.
-- NULLs: first_bar and last_bar in a session without bars; source and schema, too, of a ticker without stored bars.
-- Columns:
{{quality_columns}}
-- Example: SELECT session_date, avg(completeness) FROM quality GROUP BY session_date ORDER BY session_date;

CREATE OR REPLACE VIEW quality AS
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
FROM core.quality(NULL, NULL) AS q;
