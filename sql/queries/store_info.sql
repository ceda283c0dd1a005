-- The one row that says which store and which commit this is.
SELECT
    format_version,
    store_id,
    root,
    generation,
    committed_at
FROM core.store_info
