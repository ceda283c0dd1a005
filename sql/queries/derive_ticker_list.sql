-- core.ticker_list anew: one row per ticker that is stored or described, its calendar resolved.
-- `inferred_calendars` (ticker, calendar) is what Python inferred for those that name none.
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
