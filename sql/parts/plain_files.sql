read_parquet({{paths}}, hive_partitioning = false, union_by_name = true)
