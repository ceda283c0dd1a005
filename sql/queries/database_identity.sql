-- Which database answers: its name in this process, the store, the generation that it shows, and its folder.
--
-- The time of the commit tells a generation from one of the same number before the store was put back from a copy.
SELECT
    current_database(),
    store_id,
    generation,
    epoch_us(committed_at),
    root
FROM core.store_info
