-- Every ticker that the store has heard of: configured, stored, described or asked for.
SELECT ticker
FROM core.ticker_list
UNION
SELECT ticker
FROM core.coverage
ORDER BY ticker
