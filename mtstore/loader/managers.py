"""What a loader has besides its frames: the managers of cache and metadata, and a loader for each single ticker."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mtstore.errors import InputError
from mtstore.loader.load.report import LoadReport, report_on_one
from mtstore.query.table.wide_table import field_names

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.config import Config, TickerSettings
    from mtstore.loader.cache_manager import CacheManager
    from mtstore.loader.legacy.single_ticker import TickerDataLoader
    from mtstore.loader.load.fetch_missing import Fetching
    from mtstore.loader.metadata_manager import MetadataManager
    from mtstore.store import Store


class Managers:
    """Managers over the loader's own store, each made when it is first asked for."""

    config: Config
    ticker_configs: dict[str, TickerSettings]
    _store: Store
    _fetching: Fetching
    _single_report: LoadReport | None = None

    @cached_property
    def cache_manager(self) -> CacheManager:
        """Bars of single tickers in and out of the store."""
        from mtstore.loader.cache_manager import CacheManager

        return CacheManager(self.config, store=self._store)

    @cached_property
    def metadata(self) -> MetadataManager:
        """What is known of tickers; the configuration's own metadata goes over what the store has."""
        from mtstore.loader.metadata_manager import MetadataManager

        configured = {name: settings.metadata for name, settings in self.ticker_configs.items()}
        return MetadataManager(self._store, configured=configured)

    @cached_property
    def data_loaders(self) -> dict[str, TickerDataLoader]:
        """A loader for each ticker of the universe, at its own interval and session."""
        from mtstore.loader.legacy.single_ticker import TickerDataLoader

        return {
            name: TickerDataLoader(name, self.config, store=self._store, fetching=self._fetching)
            for name in self.ticker_configs
        }

    def _first_ticker(
        self, tickers: str | Iterable[str] | None, *, columns: str, dtype: str
    ) -> tuple[str, tuple[str, ...]]:
        """The one ticker that is loaded where `enabled` is false, and what there is to say of the others."""
        from mtstore.loader.load.requests import wanted_tickers

        if columns != "flat" or dtype != "float64":
            raise InputError("multi_ticker.enabled is false: one ticker comes as it is, without columns and dtype")
        names = wanted_tickers(self.config, self._store, tickers)
        if not names:
            raise InputError("multi_ticker.enabled is false, and there is no ticker to load")
        if len(names) == 1:
            return names[0], ()
        left_out = ", ".join(names[1:4]) + (" …" if len(names) > 4 else "")
        return names[0], (f"multi_ticker.enabled is false: only {names[0]} is loaded, not {left_out}",)

    def _load_single(self, ticker: str, start: Any, end: Any, fields: Sequence[str] | str | None) -> pd.DataFrame:
        """What `load_data` gives where `enabled` is false: a ticker as it is, its columns without a prefix."""
        from mtstore.loader.legacy.single_ticker import TickerDataLoader

        began = time.monotonic()
        single = TickerDataLoader(ticker, self.config, store=self._store, fetching=self._fetching)
        frame = single.load_data(start, end)
        wanted = field_names(fields, frame.columns)
        for name in wanted:
            if name not in frame.columns:
                raise InputError(f"field {name!r} is not one of {', '.join(frame.columns)}")
        frame = frame[list(wanted)]
        self._single_report = report_on_one(ticker, frame, time.monotonic() - began)
        return frame
