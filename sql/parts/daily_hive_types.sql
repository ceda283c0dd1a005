{'schema': VARCHAR, 'source': VARCHAR, 'ticker': VARCHAR}
