"""Put tickers on one grid; fill forward; split into chunks."""
