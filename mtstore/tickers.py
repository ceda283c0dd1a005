"""Names of tickers as people give them: one text, several, or None; anything else is refused in one place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mtstore.errors import TickerError


def ticker_name(ticker: Any, what: str = "ticker") -> str:
    """One ticker's name, as it is; `what` is the parameter that an error names.

    Raises
    ------
    TickerError
        No text, empty, with control characters or surrounding blanks.
    """
    if not isinstance(ticker, str):
        hint = "; give one by one" if isinstance(ticker, list | tuple | set) else ""
        raise TickerError(f"{what} {ticker!r}: a ticker is text like 'AAPL', got {type(ticker).__name__}{hint}")
    if not ticker or ticker != ticker.strip() or any(ord(char) < ord(" ") or char == "\x7f" for char in ticker):
        raise TickerError(f"{what} {ticker!r}: a ticker is not empty and has no control characters or outer blanks")
    return ticker


def ticker_names(tickers: Any, what: str = "tickers") -> tuple[str, ...] | None:
    """Several tickers' names in their order, of one text a single one; None, which means all, stays None.

    Raises
    ------
    TickerError
        Neither text nor several texts, or a name that no ticker can have (see `ticker_name`).
    """
    if tickers is None:
        return None
    if isinstance(tickers, str):
        return (ticker_name(tickers, what),)
    if isinstance(tickers, bytes) or not isinstance(tickers, Iterable):
        kind = type(tickers).__name__
        raise TickerError(f"{what} {tickers!r}: one ticker like 'AAPL', several like ['AAPL', 'MSFT'], got {kind}")
    return tuple(ticker_name(one, what) for one in tickers)
