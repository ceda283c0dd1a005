-- Which database answers: its name in this process, the store, the generation that it shows, and its folder.
SELECT
    current_database(),
    store_id,
    generation,
    root
FROM core.store_info
