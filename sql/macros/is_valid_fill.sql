-- core.is_valid_fill(fill_volume, fill_prices, max_age, across_sessions, lookback): true, or the error about an option.
--
-- NULLs: never NULL.
-- Example: SELECT core.is_valid_fill('zero', 'own', NULL, true, NULL);

CREATE OR REPLACE MACRO core.is_valid_fill(fill_volume, fill_prices, max_age, across_sessions, lookback) AS (
    SELECT CASE WHEN count(*) = 0 THEN true ELSE error(min(problem)) END
    FROM (
        SELECT CASE WHEN coalesce(fill_volume::VARCHAR, 'NULL') NOT IN ('zero', 'ffill', 'null') THEN
            'fill_volume: ' || coalesce('''' || fill_volume::VARCHAR || '''', 'NULL')
            || ' is not a choice (valid: ''zero'', ''ffill'', ''null'')' END AS problem
        UNION ALL
        SELECT CASE WHEN coalesce(fill_prices::VARCHAR, 'NULL') NOT IN ('own', 'close') THEN
            'fill_prices: ' || coalesce('''' || fill_prices::VARCHAR || '''', 'NULL')
            || ' is not a choice (valid: ''own'', ''close'')' END
        UNION ALL
        SELECT CASE WHEN TRY_CAST(across_sessions::VARCHAR AS BOOLEAN) IS NULL THEN
            'across_sessions: ' || coalesce('''' || across_sessions::VARCHAR || '''', 'NULL')
            || ' is not a choice (valid: true, false)' END
        UNION ALL
        SELECT CASE WHEN max_age::VARCHAR IS NOT NULL AND coalesce(core.span_us(max_age), 0) <= 0 THEN
            'max_age: ''' || max_age::VARCHAR || ''' is no positive length of time (valid: an INTERVAL without months, or text'
            || ' like 30min, 1h, 2d)' END
        UNION ALL
        SELECT CASE WHEN lookback::VARCHAR IS NOT NULL AND coalesce(core.span_us(lookback), 0) <= 0 THEN
            'lookback: ''' || lookback::VARCHAR || ''' is no positive length of time (valid: an INTERVAL without months, or text'
            || ' like 30min, 1h, 2d)' END
    ) AS options
    WHERE problem IS NOT NULL
);
