core.no_bars
