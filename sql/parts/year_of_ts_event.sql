year(timezone('UTC', ts_event))
