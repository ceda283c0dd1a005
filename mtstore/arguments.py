"""Check arguments; suggest the nearest valid word; parse sizes and ticker names."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from numbers import Integral, Real
from typing import Any, Final

from mtstore.errors import InputError, TickerError

_SIZE: Final = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([kmgt]?)(i?)b\s*\Z", re.I | re.ASCII)
_MOST_BYTES: Final = 1 << 60  # DuckDB counts no further


def nearest_word(word: object, valid: Iterable[object]) -> str | None:
    """Return the nearest word of `valid`, or None if none is near; case does not matter.

    The last part of a path-like word counts too: `new_york` is near `America/New_York`.
    """
    names = sorted(str(name) for name in valid)
    folded = {name.casefold(): name for name in names}
    tails = {name.casefold().rpartition("/")[2]: name for name in names}
    asked = str(word).strip().casefold().replace(" ", "_")
    for spellings, cutoff in ((folded, 0.55), (tails, 0.8)):
        found = difflib.get_close_matches(asked, spellings, n=1, cutoff=cutoff)
        if found:
            return spellings[found[0]]
    # An abbreviation such as "inner" shares too few letters for the ratio, but is a unique prefix.
    starts = [name for name in names if asked and name.casefold().startswith(asked)]
    return starts[0] if len(starts) == 1 else None


def did_you_mean(word: object, valid: Iterable[object]) -> str:
    """Return `; did you mean 'forward_fill'?`, or an empty text if nothing is near."""
    nearest = nearest_word(word, valid)
    return f"; did you mean {nearest!r}?" if nearest else ""


def check_options(options: Iterable[str], valid: Iterable[str]) -> None:
    """Raise InputError for an option that is not valid; the message lists the valid ones."""
    names = tuple(valid)
    for name in options:
        if name not in names:
            raise InputError(f"unknown option {name!r}{did_you_mean(name, names)} (valid: {', '.join(names)})")


def check_choice(name: str, value: object, valid: Sequence[object]) -> None:
    """Raise InputError unless `value` is one of `valid`; the message lists them and names the nearest."""
    if value not in valid:
        raise InputError(f"{name} {value!r} is not one of {', '.join(map(str, valid))}{did_you_mean(value, valid)}")


def check_number(name: str, value: Any, *, least: float | None = 0) -> None:
    """Raise InputError unless the value is a finite number of at least `least`; booleans are not numbers."""
    is_number = not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
    if not is_number or (least is not None and float(value) < least):
        limit = "" if least is None else f" from {least:g}"
        raise InputError(f"{name} {value!r}: a number{limit}, got {type(value).__name__}")


def check_count(name: str, value: Any, *, least: int = 1) -> None:
    """Raise InputError unless the value is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise InputError(f"{name} {value!r}: a whole number of at least {least}, got {type(value).__name__}")


def size_bytes(size: str | int) -> int:
    """Return a size in bytes: `500MB` (powers of ten), `2GiB` (of two), or a whole number.

    Raises
    ------
    InputError
        It is not a size above 0.
    """
    found = 0
    if isinstance(size, str):
        match = _SIZE.match(size)
        if match is not None:
            power = " kmgt".index(match[2].lower() or " ")
            found = int(Fraction(match[1]) * (1024 if match[3] else 1000) ** power)
    elif isinstance(size, int) and not isinstance(size, bool):
        found = size
    if not 0 < found <= _MOST_BYTES:
        raise InputError(f"memory limit {size!r}: a size such as '500MB' or '2GiB', or a number of bytes")
    return found


def describe_bytes(size: float) -> str:
    """Return a size as text: `811 MB`."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1_000:
            return f"{size:.3g} {unit}"
        size /= 1_000
    return f"{size:.4g} TB"


def first_few(names: Sequence[str], *, joint: str = ", ") -> str:
    """Return the first five names, and the number of the others: `A, B, C, D, E and 3 more`."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return joint.join(names[:5]) + more


def ticker_name(ticker: Any, what: str = "ticker") -> str:
    """Return a ticker's name unchanged; `what` is the parameter in an error.

    Raises
    ------
    TickerError
        Not text, empty, with control characters or surrounding blanks.
    """
    if not isinstance(ticker, str):
        hint = "; give one by one" if isinstance(ticker, list | tuple | set) else ""
        raise TickerError(f"{what} {ticker!r}: a ticker is text like 'AAPL', got {type(ticker).__name__}{hint}")
    if not ticker or ticker != ticker.strip() or any(ord(char) < ord(" ") or char == "\x7f" for char in ticker):
        raise TickerError(f"{what} {ticker!r}: a ticker is not empty and has no control characters or outer blanks")
    return ticker


def ticker_names(tickers: Any, what: str = "tickers") -> tuple[str, ...] | None:
    """Return tickers' names in their order; one text is a single ticker, None (all) stays None.

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
