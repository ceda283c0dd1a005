"""What a configuration does over a store: published as the store's defaults, and loaded as one aligned table."""

from mtstore.loader.multi_ticker import MultiTickerDataLoader

__all__ = ["MultiTickerDataLoader"]
