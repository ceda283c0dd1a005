"""Configurations that point at the test servers."""

from __future__ import annotations

import time
from collections.abc import Mapping

from mtstore.config import load_config
from mtstore.ingest.network.vendors import Vendors
from mtstore.sources.http.settings import RetryPolicy

# Quick to try again, slow to give up: a busy machine must not look like a vendor that hangs.
QUICK = RetryPolicy(
    max_attempts=4, backoff_seconds=0.002, max_backoff_seconds=0.02, rate_limit_seconds=0.005, total_seconds=60
)


def config_for(server, tickers, *, sources=None, provider="polygon", **sections):
    """A configuration of one or more sources at `server`, all of `provider`."""
    base = {
        "polygon": {"provider": "polygon", "base_url": server.url, "timeout_seconds": 20},
        "databento": {
            "provider": "databento",
            "gateway": server.url,
            "dataset": "XNAS.ITCH",
            "timeout_seconds": 20,
        },
    }[provider]
    named = {name: {**base, **changes} for name, changes in (sources or {provider: {}}).items()}
    universe = dict(tickers) if isinstance(tickers, Mapping) else {ticker: {} for ticker in tickers}
    return load_config({"multi_ticker": {"tickers": universe, **sections}, "sources": named})


def vendors_for(config, *, clock=time.time) -> Vendors:
    return Vendors(config, retry=QUICK, clock=clock)
