"""Find our columns among a file's or a frame's, by name or number; wide tables have a block per ticker."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mtstore.arguments import did_you_mean
from mtstore.errors import BrokenFileError
from mtstore.sources.custom.mapping.column_mapping import ANY_OF, COLUMNS, FILE_COLUMNS, OPTIONAL_COLUMNS, ColumnMapping

_VOLUME_LIKE: Final = re.compile(r"vol\.?$|^vol|volume|^qty$|^quantity$|^shares$", re.IGNORECASE)
_DATABENTO: Final = ("rtype", "publisher_id", "instrument_id")
_TICKER_WORDS: Final = ("ticker", "tickers", "symbol", "symbols")
_PRICE_NAMES: Final = frozenset(("open", "high", "low", "close"))


@dataclass(frozen=True, slots=True)
class Block:
    """Positions of the columns of one table; `ticker` is the one that a wide table's header names."""

    columns: dict[str, tuple[int, ...]]
    ticker: str | None = None
    is_databento: bool = False
    others: tuple[int, ...] = ()
    """Columns that stand in for an empty volume: `volume: A|B`."""


def find_columns(names: Sequence[str], mapping: ColumnMapping, origin: str, *, has_ticker: bool) -> Block:
    """Return the positions of our columns.

    `has_ticker`: the ticker is known otherwise.

    Raises
    ------
    BrokenFileError
        A required column is missing, or occurs more than once.
    """
    is_databento = all(name in names for name in _DATABENTO)
    found: dict[str, tuple[int, ...]] = {}
    for ours in COLUMNS:
        given = mapping.columns.get(ours)
        if given is None and (
            (ours == "ticker" and has_ticker)
            or (ours == "volume" and mapping.volume == "none")
            or (ours in FILE_COLUMNS and not (ours == "publisher_id" and is_databento))
        ):
            continue
        wanted = (given,) if isinstance(given, str) else given or (ours,)
        places = [_find_any(name, names, origin) for name in wanted]
        missing = [name for name, place in zip(wanted, places, strict=True) if place is None]
        if not missing:
            found[ours] = tuple(place for place in places if place is not None)
        elif given is not None or ours not in OPTIONAL_COLUMNS:
            raise _missing(ours, missing[0], names, mapping, origin)
    if "volume" not in found and mapping.volume != "none":
        used = {place for places in found.values() for place in places}
        like = [name for at, name in enumerate(names) if at not in used and _VOLUME_LIKE.search(_plain(name))]
        if like:
            raise BrokenFileError(
                f"{origin}: no column 'volume', but {like[0]!r}; a mapping has columns: {{volume: {like[0]}}}, or "
                "volume: none for bars without one"
            )
    return Block(found, is_databento=is_databento, others=_stand_ins(mapping, names, found, origin))


def find_blocks(
    header: Sequence[Sequence[str]], mapping: ColumnMapping, origin: str, *, has_ticker: bool
) -> list[Block]:
    """Return the blocks of a table with one or more header lines; see `find_columns`."""
    lines = [list(map(str, line)) for line in header]
    tickers = (
        next((line for line in lines if line and _plain(line[0]) in _TICKER_WORDS), None) if len(lines) > 1 else None
    )
    if tickers is None and len(lines) == 2:
        # The levels of a frame need not be named: the one without the names of prices has the tickers.
        levels = [line for line in lines if not has_price_names(line)]
        tickers = levels[0] if len(levels) == 1 else None
    if tickers is None:
        names = lines[0] if lines else []
        return [find_columns(names, mapping, origin, has_ticker=has_ticker)]
    prices = next((line for line in lines if has_price_names(line)), lines[0])
    width = max(map(len, lines))
    # A column without a ticker of its own (the times) is named by its last header line.
    labels = [next((line[at] for line in reversed(lines) if at < len(line) and line[at]), "") for at in range(width)]
    shared = {
        at for at in range(width) if at >= len(tickers) or not tickers[at] or _plain(tickers[at]) in _TICKER_WORDS
    }
    found = []
    for ticker in dict.fromkeys(tickers[at] for at in range(width) if at not in shared):
        names = [
            labels[at] if at in shared else prices[at] if at < len(prices) and tickers[at] == ticker else ""
            for at in range(width)
        ]
        block = find_columns(names, mapping, f"{origin}, {ticker}", has_ticker=True)
        found.append(replace(block, ticker=ticker))
    return found


def has_price_names(names: Sequence[str]) -> bool:
    """Return whether a line of names has one of the prices'."""
    return bool(_PRICE_NAMES & set(map(_plain, names)))


def _find_any(name: str, names: Sequence[str], origin: str) -> int | None:
    place = _find(name, names, origin)
    if place is None and ANY_OF in name:
        return next((at for one in name.split(ANY_OF) if (at := _find(one, names, origin)) is not None), None)
    if place is None and name.isdigit() and 1 <= int(name) <= len(names):
        return int(name) - 1
    return place


def _stand_ins(
    mapping: ColumnMapping, names: Sequence[str], found: dict[str, tuple[int, ...]], origin: str
) -> tuple[int, ...]:
    given = mapping.columns.get("volume", "")
    if not isinstance(given, str) or ANY_OF not in given:
        return ()
    places = [_find(one, names, origin) for one in given.split(ANY_OF)]
    return tuple(place for place in places if place is not None and (place,) != found.get("volume"))


def _find(name: str, names: Sequence[str], origin: str) -> int | None:
    places = [at for at, one in enumerate(names) if one == name]
    places = places or [at for at, one in enumerate(names) if one and _plain(one) == _plain(name)]
    if len(places) > 1:
        raise BrokenFileError(f"{origin}: column {name!r} occurs {len(places)} times")
    return places[0] if places else None


def _plain(name: str) -> str:
    return name.strip().removeprefix("<").removesuffix(">").strip().casefold()


def _missing(ours: str, name: str, names: Sequence[str], mapping: ColumnMapping, origin: str) -> BrokenFileError:
    if mapping.header == 0:
        return BrokenFileError(
            f"{origin}: column {name!r} for {ours}: without a header columns have numbers, 1 to {len(names)} "
            f"(columns: {{{ours}: 1}})"
        )
    if names and _looks_like_data(names):
        return BrokenFileError(
            f"{origin}: line 1 looks like data: the file has no header; a mapping has header: false and numbers of "
            "columns (columns: {ts_event: 1, open: 2, …})"
        )
    role = f" for {ours}" if name != ours else ""
    return BrokenFileError(
        f"{origin}: no column {name!r}{role}{did_you_mean(name, names)}; its columns are "
        f"{', '.join(map(repr, names))} (a mapping names it: columns: {{{ours}: …}})"
    )


def _looks_like_data(names: Sequence[str]) -> bool:
    is_number = [re.match(r"[-+]?\d+(?:[.,]\d+)*\s*$|\d{2,4}[-./]\d", name.strip()) is not None for name in names]
    return sum(is_number) * 2 > len(names)
