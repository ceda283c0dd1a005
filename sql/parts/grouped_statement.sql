SELECT ticker, source, schema, {{year}} AS year, ts_event, open, high, low, close, volume, vwap, transactions
FROM read_parquet(
    list_distinct(flatten([$groups, [{{any_file}}]])),
    hive_partitioning = true,
    hive_types = {'schema': VARCHAR, 'source': VARCHAR, 'ticker': VARCHAR{{year_type}}}
)
