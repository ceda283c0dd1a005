-- Every source and what its name is bound to.
SELECT
    source,
    provider,
    dataset
FROM core.sources
ORDER BY source
