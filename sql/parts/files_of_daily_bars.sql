read_parquet(
    {{paths}},
    hive_partitioning = true,
    hive_types = {'schema': VARCHAR, 'source': VARCHAR, 'ticker': VARCHAR}
)
