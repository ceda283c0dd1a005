"""What a loader asks its store for: calls in the words of a configuration, for tickers that somebody knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mtstore.arguments import did_you_mean, ticker_name, ticker_names
from mtstore.errors import InputError
from mtstore.query.request.request import AlignRequest, SeriesRequest

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.store import Store


def wanted_tickers(config: Config, store: Store, tickers: str | Iterable[str] | None) -> tuple[str, ...]:
    """The tickers to load: those asked for, else the universe, else all that are stored.

    Raises
    ------
    InputError
        One is neither configured nor stored; names the nearest that is. TickerError: what is no ticker.
    """
    asked = ticker_names(tickers)
    if asked is None:
        return config.universe or tuple(store.tickers())
    configured = config.all_tickers
    if not configured.keys() >= set(asked):
        known = {*configured, *store.tickers()}
        for name in asked:
            if name not in known:
                raise InputError(f"ticker {name!r} is neither configured nor stored{did_you_mean(name, known)}")
    return asked


def align_call(config: Config, store: Store, tickers: str | Iterable[str] | None, start: Any, end: Any) -> AlignRequest:
    """An aligned call as `alignment` has it; errors as `wanted_tickers` and `AlignRequest.parse`."""
    alignment = config.multi_ticker.alignment
    return AlignRequest.parse(
        wanted_tickers(config, store, tickers),
        alignment.resampling,
        start,
        end,
        tz=alignment.timezone,
        session=alignment.session,
        anchor=alignment.anchor,
        adjust=alignment.adjust,
        method=alignment.method,
        fill_volume=alignment.fill_volume,
        fill_prices=alignment.fill_prices,
        max_age=alignment.max_age,
        across_sessions=alignment.across_sessions,
        lookback=alignment.lookback,
    )


def ticker_call(config: Config, store: Store, ticker: str, start: Any, end: Any) -> SeriesRequest:
    """One ticker at its own interval; errors as `align_call`."""
    alignment = config.multi_ticker.alignment
    return SeriesRequest.parse(
        wanted_tickers(config, store, ticker_name(ticker)),
        config.ticker(ticker).bar_interval,
        start,
        end,
        tz=alignment.timezone,
        session=alignment.session,
        anchor=alignment.anchor,
        adjust=alignment.adjust,
    )
