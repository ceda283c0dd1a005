{'schema': VARCHAR, 'source': VARCHAR, 'ticker': VARCHAR, 'year': INTEGER}
