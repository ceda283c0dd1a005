"""From a configuration to the vendors that it names, made when they are first needed and shared by all tickers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mtstore.arguments import did_you_mean
from mtstore.errors import ConfigError
from mtstore.sources.http.settings import NetworkSettings, RetryPolicy, Secret

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.sources.vendor import VendorSource

_NETWORK = ("polygon", "databento")


class Vendors:
    """The network sources of a configuration, by name."""

    def __init__(
        self, config: Config, *, clock: Callable[[], float] = time.time, retry: RetryPolicy | None = None
    ) -> None:
        self._sources = config.sources
        self._clock = clock
        self._retry = retry or RetryPolicy()
        self._made: dict[str, VendorSource] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The sources that can be fetched from."""
        return tuple(name for name, source in self._sources.items() if source.provider in _NETWORK)

    def name_for(self, ticker: str, wanted: str | None) -> str | None:
        """The source that a ticker is fetched from; None if it only ever comes from files.

        Raises
        ------
        ConfigError
            It names a source that there is not, or none where there are several.
        """
        if wanted is None:
            if len(self.names) == 1:
                return self.names[0]
            choices = ", ".join(self.names)
            raise ConfigError(
                f"{ticker} has no data_source; name one of {choices}" if choices else "no source to fetch from"
            )
        if wanted not in self._sources:
            hint = did_you_mean(wanted, tuple(self._sources)) or ""
            raise ConfigError(f"{ticker} has the data_source {wanted!r}, which is not under sources{hint}")
        return wanted if wanted in self.names else None

    def get(self, name: str) -> VendorSource:
        """The source of that name."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def schema_of(self, name: str) -> str | None:
        """The schema that the configuration fixes for the source, if it does."""
        source = self._sources[name]
        return source.schema_ if source.provider == "databento" else None

    def _make(self, name: str) -> VendorSource:
        from mtstore.sources.databento.source import DatabentoSource
        from mtstore.sources.polygon.source import PolygonSource

        source = self._sources[name]
        given = source.model_dump(exclude={"api_key", "schema_"})
        if source.provider == "databento":
            given["schema"] = source.schema_
        secret = Secret(source.api_key.reveal)  # type: ignore[union-attr]
        settings = NetworkSettings(source=name, api_key=secret, retry=self._retry, **given)
        kind = DatabentoSource if source.provider == "databento" else PolygonSource
        return kind(settings, clock=self._clock)
