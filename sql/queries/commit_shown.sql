-- Which commit the current database shows.
SELECT
    store_id,
    generation,
    epoch_us(committed_at) AS committed_at_us
FROM core.store_info
