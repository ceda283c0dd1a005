"""Pinned tickers: their bars are never evicted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.arguments import did_you_mean, ticker_names
from mtstore.errors import InputError, TickerError

if TYPE_CHECKING:
    from mtstore.storage.repository import Repository


def pinned(store: Repository) -> list[str]:
    """Return the pinned tickers."""
    return _names(store, "settings.pinned_tickers")


def pin(store: Repository, tickers: str | Iterable[str], *, is_pinned: bool = True) -> list[str]:
    """Pin tickers, or unpin them; return all pinned tickers.

    Raises
    ------
    InputError
        A ticker to pin that the store does not know, or one to unpin that is not pinned.
    """
    names = list(dict.fromkeys(ticker_names(tickers) or ()))
    held = pinned(store)
    known = [*_names(store, "settings.stored_tickers"), *_names(store, "cache.tickers")] if is_pinned else held
    for name in names:
        if name not in known:
            what = "known to the store" if is_pinned else "pinned"
            raise InputError(f"ticker {name!r} is not {what}{did_you_mean(name, known)}")
    with store.begin("pin") as commit:
        if is_pinned:
            now = datetime.now(UTC)
            commit.upsert("pins", [{"ticker": name, "pinned_at": now} for name in names if name not in held])
        else:
            commit.delete("pins", [{"ticker": name} for name in names])
        commit.finish()
    return pinned(store)


def check_cached(store: Repository, ticker: str) -> None:
    """Raise TickerError for a ticker without bars and coverage; it names the nearest one that has some."""
    known = _names(store, "cache.tickers")
    if ticker not in known:
        raise TickerError(f"nothing of ticker {ticker!r} was ever stored or requested{did_you_mean(ticker, known)}")


def _names(store: Repository, statement: str) -> list[str]:
    with store.connection() as connection:
        return [name for (name,) in connection.execute(sqlfiles.load(statement)).fetchall()]
