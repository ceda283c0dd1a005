"""The vendors of a configuration, created when they are first needed and shared by all tickers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mtstore.arguments import did_you_mean
from mtstore.errors import ConfigError, SourceError
from mtstore.sources.http.settings import NetworkSettings, RetryPolicy, Secret

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.sources.vendor import VendorSource

_NETWORK = ("polygon", "databento")


logger = logging.getLogger("mtstore.ingest")


def missing_keys(sources: Iterable[VendorSource]) -> dict[str, SourceError]:
    """Return the error of each source that has no API key, by its name."""
    missing: dict[str, SourceError] = {}
    for name, settings in {one.settings.source: one.settings for one in sources}.items():
        try:
            if settings.api_key is not None:
                settings.api_key.reveal()
        except SourceError as error:
            missing[name] = error
            logger.warning("%s: %s", name, error, extra={"source": name})
    return missing


class Vendors:
    """The network sources of a configuration, by name."""

    def __init__(
        self, config: Config, *, clock: Callable[[], float] = time.time, retry: RetryPolicy | None = None
    ) -> None:
        self._configured = config.sources
        self._clock = clock
        self._retry = retry or RetryPolicy()
        self._vendors: dict[str, VendorSource] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The sources that can be fetched from."""
        return tuple(name for name, source in self._configured.items() if source.provider in _NETWORK)

    def name_for(self, ticker: str, data_source: str | None) -> str | None:
        """Return the source that a ticker is fetched from; None if its bars come from files only.

        Raises
        ------
        ConfigError
            `data_source` is not configured, or is missing while there is not exactly one source.
        """
        if data_source is None:
            if len(self.names) == 1:
                return self.names[0]
            choices = ", ".join(self.names)
            raise ConfigError(
                f"{ticker} has no data_source; use one of {choices}"
                if choices
                else f"{ticker} has no data_source, and sources names no vendor to fetch from"
            )
        if data_source not in self._configured:
            hint = did_you_mean(data_source, tuple(self._configured)) or ""
            raise ConfigError(f"{ticker} has the data_source {data_source!r}, which is not under sources{hint}")
        return data_source if data_source in self.names else None

    def get(self, name: str) -> VendorSource:
        """Return the source of that name."""
        from mtstore.sources.databento.source import DatabentoSource
        from mtstore.sources.polygon.source import PolygonSource

        if name not in self._vendors:
            source = self._configured[name]
            settings = NetworkSettings(
                source=name,
                api_key=Secret(source.api_key.reveal),  # type: ignore[union-attr]  # all in _NETWORK have one
                retry=self._retry,
                **source.model_dump(exclude={"api_key"}, by_alias=True),
            )
            vendor = DatabentoSource if source.provider == "databento" else PolygonSource
            self._vendors[name] = vendor(settings, clock=self._clock)
        return self._vendors[name]

    def schema_of(self, name: str) -> str | None:
        """Return the schema that the configuration fixes for the source, if any."""
        source = self._configured[name]
        return source.schema_ if source.provider == "databento" else None
