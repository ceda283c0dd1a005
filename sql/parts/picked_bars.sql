query(core.{{name}}(tickers))
