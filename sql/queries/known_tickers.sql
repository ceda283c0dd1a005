-- Every ticker that the current database knows, with the grain of its sessions' opens.
SELECT
    listed.ticker,
    listed.calendar,
    listed.session_key,
    listed.universe_position,
    coalesce(keys.open_grain_us, 3600000000) AS open_grain_us,
    listed.active_from IS NOT NULL OR listed.active_to IS NOT NULL AS has_active_range
FROM core.ticker_list AS listed
LEFT JOIN core.session_keys AS keys USING (session_key)
