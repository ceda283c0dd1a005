"""Recognise the files of older caches by their names.

ranges      AAPL/2023-01-01_2023-01-31.parquet                 one fetched range, both dates included
hive        symbol=AAPL/year=2023/month=01/day=03/….parquet    one day
named       SPY_20240101_20240701_ohlcv_1min.parquet           one fetched range, both dates included
per-ticker  AAPL.csv, AAPL_1min.parquet                        all bars of a ticker
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote

from mtstore.errors import InputError, IntervalError
from mtstore.intervals import parse_interval

Layout = Literal["ranges", "hive", "named", "per-ticker"]

_SUFFIX: Final = r"\.(parquet|csv|csv\.gz)\Z"
_RANGE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})_(\d{4}-\d{2}-\d{2})" + _SUFFIX)
_NAMED: Final = re.compile(r"(.+?)_(\d{8})_(\d{8})_ohlcv_([0-9a-zA-Z]+)" + _SUFFIX)
_PLAIN: Final = re.compile(r"(.+?)(?:_(\d+(?:s|min|m|h|d)))?" + _SUFFIX)
_HIVE: Final = re.compile(r"(?:\A|/)symbol=([^/]+)/year=(\d{4})/month=(\d{1,2})/day=(\d{1,2})/[^/]+" + _SUFFIX)


@dataclass(frozen=True, slots=True)
class CacheFile:
    """A file of bars.

    Attributes
    ----------
    dates
        The first and last day that it covers, both included; None: from its first to its last bar.
    interval
        The interval in its name; None if it has none.
    """

    path: Path
    ticker: str
    layout: Layout
    dates: tuple[date, date] | None = None
    interval: str | None = None

    @property
    def format(self) -> Literal["parquet", "csv"]:
        return "parquet" if self.path.suffix == ".parquet" else "csv"


@dataclass(frozen=True, slots=True)
class CacheFiles:
    """The files under a path: of bars, of metadata, and unknown files."""

    bars: tuple[CacheFile, ...]
    metadata: tuple[Path, ...]
    unknown: tuple[Path, ...]


def find_cache_files(path: Path) -> CacheFiles:
    """Search a folder, or take one file.

    Raises
    ------
    InputError
        There is nothing at that path, or a name has dates or an interval that are not valid.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder")
    root = path if path.is_dir() else path.parent
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    bars: list[CacheFile] = []
    metadata: list[Path] = []
    unknown: list[Path] = []
    for one in files:
        relative = one.relative_to(root)
        if any(part.startswith(".") for part in relative.parts):
            continue
        found = _read_name(one, relative)
        if found is not None:
            bars.append(found)
        elif one.name == "metadata.json":
            metadata.append(one)
        elif one.name != "cache_index.json":
            unknown.append(one)
    # By ticker, older files first: where two cover one range, the file written later replaces the other.
    bars.sort(key=lambda one: (one.ticker, one.path.stat().st_mtime_ns, one.path))
    return CacheFiles(tuple(bars), tuple(metadata), tuple(unknown))


def _read_name(path: Path, relative: Path) -> CacheFile | None:
    hive = _HIVE.search(relative.as_posix())
    if hive is not None:
        day = _day(path, hive[2], hive[3], hive[4])
        return CacheFile(path, unquote(hive[1]), "hive", (day, day))
    ranged = _RANGE.match(path.name)
    if ranged is not None:
        dates = (_day(path, *ranged[1].split("-")), _day(path, *ranged[2].split("-")))
        return CacheFile(path, unquote(path.parent.name), "ranges", _in_order(path, dates))
    named = _NAMED.match(path.name)
    if named is not None:
        first, last = (_day(path, text[:4], text[4:6], text[6:]) for text in (named[2], named[3]))
        return CacheFile(path, unquote(named[1]), "named", _in_order(path, (first, last)), _interval(path, named[4]))
    plain = _PLAIN.match(path.name)
    if plain is None or len(relative.parts) > 1:
        return None
    return CacheFile(path, unquote(plain[1]), "per-ticker", None, plain[2] and _interval(path, plain[2]))


def _day(path: Path, year: str, month: str, day: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError as error:
        raise InputError(f"{path}: the file name has a date that does not exist: {error}") from error


def _in_order(path: Path, dates: tuple[date, date]) -> tuple[date, date]:
    if dates[0] > dates[1]:
        raise InputError(f"{path}: the file name has a range that ends before it starts")
    return dates


def _interval(path: Path, text: str) -> str:
    try:
        return parse_interval(text).text
    except IntervalError as error:
        raise InputError(f"{path}: the file name has the interval {text!r}: {error}") from error
