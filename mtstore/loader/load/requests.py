"""Requests in the terms of a configuration, for tickers that are configured or stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtstore.arguments import did_you_mean, ticker_name, ticker_names
from mtstore.errors import InputError
from mtstore.query.request.request import AlignRequest, SeriesRequest

if TYPE_CHECKING:
    from mtstore.bounds import BoundLike
    from mtstore.config import Config
    from mtstore.store import Store

_SERIES_OPTIONS = ("session", "anchor", "adjust", "partial")
_ALIGN_OPTIONS = ("method", "fill_volume", "fill_prices", "max_age", "across_sessions", "lookback")


@dataclass(frozen=True, slots=True)
class LoadArguments:
    """The arguments of `MultiTickerDataLoader.load_data`, as the caller gave them."""

    start: BoundLike
    end: BoundLike
    tickers: str | Iterable[str] | None
    fields: str | Iterable[str] | None
    columns: str
    dtype: str


def requested_tickers(config: Config, store: Store, tickers: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the requested tickers, else the universe, else all that are stored.

    InputError: a ticker that is neither configured nor stored; suggests the nearest. TickerError: an invalid name.
    """
    names = ticker_names(tickers)
    if names is None:
        return config.universe or tuple(store.tickers())
    configured = config.all_tickers
    # Stored tickers take a query, and are read only if the configuration does not have all.
    if not configured.keys() >= set(names):
        valid = {*configured, *store.tickers()}
        for name in names:
            if name not in valid:
                raise InputError(f"ticker {name!r} is neither configured nor stored{did_you_mean(name, valid)}")
    return names


def align_request(
    config: Config, store: Store, tickers: str | Iterable[str] | None, start: BoundLike, end: BoundLike
) -> AlignRequest:
    """Return an aligned request by `alignment`; errors as `requested_tickers` and `AlignRequest.parse`."""
    names = requested_tickers(config, store, tickers)
    alignment = config.multi_ticker.alignment
    options = {name: getattr(alignment, name) for name in (*_SERIES_OPTIONS, *_ALIGN_OPTIONS)}
    return AlignRequest.parse(names, alignment.resampling, start, end, tz=alignment.timezone, **options)


def ticker_request(config: Config, store: Store, ticker: str, start: BoundLike, end: BoundLike) -> SeriesRequest:
    """Return a request for one ticker at its configured interval; errors as `align_request`."""
    names = requested_tickers(config, store, ticker_name(ticker))
    alignment = config.multi_ticker.alignment
    options = {name: getattr(alignment, name) for name in _SERIES_OPTIONS}
    return SeriesRequest.parse(names, config.ticker(ticker).bar_interval, start, end, tz=alignment.timezone, **options)
