WHERE (
    SELECT CASE WHEN {{ticker_count}} <= {{limit}} THEN true ELSE error(
        'aligned shows at most {{limit}} tickers, the configured universe has {{ticker_count}}; use wide_close,'
        || ' {{method}}(NULL, …), or mtstore''s load') END
)
