"""The Python classes: a configuration in, an aligned table out."""

from mtstore.loader.multi_ticker import MultiTickerDataLoader

__all__ = ["MultiTickerDataLoader"]
