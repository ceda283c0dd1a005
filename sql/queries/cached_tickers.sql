-- Every ticker that is stored or was asked for.
SELECT DISTINCT ticker FROM cache_index ORDER BY ticker
