"""What a loader has besides its frames: the managers of cache and metadata, and a loader for each single ticker."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mtstore.config import Config, TickerSettings
    from mtstore.facade import Store
    from mtstore.loader.cache import CacheManager
    from mtstore.loader.metadata import MetadataManager
    from mtstore.loader.single import TickerDataLoader


class Managers:
    """Managers over the loader's own store, each made when it is first asked for."""

    config: Config
    ticker_configs: dict[str, TickerSettings]
    _store: Store

    @cached_property
    def cache_manager(self) -> CacheManager:
        """Bars of single tickers in and out of the store."""
        from mtstore.loader.cache import CacheManager

        return CacheManager(self.config, store=self._store)

    @cached_property
    def metadata(self) -> MetadataManager:
        """What is known of tickers; the configuration's own metadata goes over what the store has."""
        from mtstore.loader.metadata import MetadataManager

        configured = {name: settings.metadata for name, settings in self.ticker_configs.items()}
        return MetadataManager(self._store, configured=configured)

    @cached_property
    def data_loaders(self) -> dict[str, TickerDataLoader]:
        """A loader for each ticker of the universe, at its own interval and session."""
        from mtstore.loader.single import TickerDataLoader

        return {name: TickerDataLoader(name, self.config, store=self._store) for name in self.ticker_configs}
