"""Map instrument ids to symbols by date: ids move between symbols, so a file's mappings are by date."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from mtstore.bars import SymbolSpan
from mtstore.errors import BrokenFileError, IngestError
from mtstore.ranges import EPOCH, US_PER_DAY, Ranges, TimeRange, normalise

_DAY_BITS = 20
NS_PER_DAY = US_PER_DAY * 1_000
SYMBOLOGY = "symbology.json"
"""The file with the symbols of a batch job, beside its data."""


@dataclass(frozen=True, order=True, slots=True)
class SymbolInterval:
    """`symbol` means `instrument_id` on the UTC days `[start_day, end_day)`, counted from the epoch."""

    instrument_id: int
    start_day: int
    end_day: int
    symbol: str


class SymbolTable:
    """Resolve many (instrument_id, UTC day) pairs at once.

    One id may stand for several symbols on one day (`ES.c.0` and `ESH1`): its records then belong to each of them.
    """

    def __init__(self, intervals: Iterable[SymbolInterval], path: Path) -> None:
        self._path = path
        self.intervals = tuple(sorted(set(intervals)))
        self.symbols = tuple(sorted({interval.symbol for interval in self.intervals}))
        self._reject_mixed_symbols()
        numbers = {symbol: number for number, symbol in enumerate(self.symbols)}
        self._layers = [_Layer(layer, numbers) for layer in _without_overlaps(self.intervals)]

    def resolve(self, instrument_ids: np.ndarray, ts_event_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return record indices and, for each, the number of its symbol in `symbols`, in the order of the records.

        Raises
        ------
        BrokenFileError
            The metadata has no symbol for an id on the day of one of its records.
        """
        # Id and day in one integer, so that one binary search finds the interval of each record.
        days = (ts_event_ns // NS_PER_DAY).astype(np.int64)
        keys = (instrument_ids.astype(np.int64) << _DAY_BITS) | days
        found = [layer.lookup(keys, days) for layer in self._layers] or [np.full(len(keys), -1)]
        is_unmapped = np.logical_and.reduce([numbers < 0 for numbers in found])
        if is_unmapped.any():
            first = int(np.flatnonzero(is_unmapped)[0])
            raise BrokenFileError(
                f"{self._path}: the metadata has no symbol for instrument_id {int(instrument_ids[first])} on "
                f"{_date(days[first])} (UTC); {int(is_unmapped.sum()):,} records of this chunk are without one; put "
                f"the job's {SYMBOLOGY} beside the file, or download with map_symbols"
            )
        if len(found) == 1:
            return np.arange(len(keys)), found[0]
        records = np.concatenate([np.flatnonzero(numbers >= 0) for numbers in found])
        numbers = np.concatenate([numbers[numbers >= 0] for numbers in found])
        order = np.lexsort((numbers, records))
        return records[order], numbers[order]

    def days_of(self, symbol: str) -> Ranges:
        """Return the UTC days on which `symbol` resolves."""
        return normalise(
            TimeRange(one.start_day * US_PER_DAY, one.end_day * US_PER_DAY)
            for one in self.intervals
            if one.symbol == symbol
        )

    def spans_of(self, symbol: str) -> tuple[SymbolSpan, ...]:
        """Return the instruments of `symbol` by date."""
        return tuple(
            SymbolSpan(_date(one.start_day), _date(one.end_day), one.instrument_id)
            for one in sorted(self.intervals, key=lambda one: one.start_day)
            if one.symbol == symbol
        )

    def _reject_mixed_symbols(self) -> None:
        by_symbol: dict[str, list[SymbolInterval]] = defaultdict(list)
        for interval in self.intervals:
            by_symbol[interval.symbol].append(interval)
        for symbol, own in by_symbol.items():
            own.sort(key=lambda one: one.start_day)
            for before, after in pairwise(own):
                if after.start_day < before.end_day:
                    raise IngestError(
                        f"{self._path}: {symbol!r} stands for several instruments on {_date(after.start_day)} "
                        f"({before.instrument_id}, {after.instrument_id}): their bars would mix; request raw symbols"
                    )


def read_intervals(
    mappings: Mapping[str, Sequence[Mapping[str, Any]]], stype_in: str, stype_out: str, path: Path
) -> list[SymbolInterval]:
    """Read the intervals of a file's metadata; those without a symbol are left out."""
    if "instrument_id" not in (stype_in, stype_out):
        raise BrokenFileError(
            f"{path}: symbols are mapped from {stype_in} to {stype_out}; one of the two must be instrument_id"
        )
    intervals = []
    for name, entries in mappings.items():
        for entry in entries:
            if not entry["symbol"]:
                continue
            number, symbol = (entry["symbol"], name) if stype_out == "instrument_id" else (name, entry["symbol"])
            start, end = ((entry[edge] - EPOCH.date()).days for edge in ("start_date", "end_date"))
            if not number.isdecimal():
                raise BrokenFileError(f"{path}: the metadata maps {symbol!r} to {number!r}, not to an instrument_id")
            if start < end:
                intervals.append(SymbolInterval(int(number), start, end, symbol))
    return intervals


def read_symbology(path: Path) -> tuple[dict[str, list[dict[str, Any]]], str, str] | None:
    """Read a batch job's symbology.json: mappings like those of a file's metadata, and both kinds of symbols.

    None if there is no such file.

    Raises
    ------
    BrokenFileError
        It is not what the vendor writes.
    """
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text())
        mappings = {
            name: [
                {
                    "symbol": str(entry["s"]),
                    "start_date": date.fromisoformat(entry["d0"]),
                    "end_date": date.fromisoformat(entry["d1"]),
                }
                for entry in entries
            ]
            for name, entries in content["result"].items()
        }
        return mappings, str(content["stype_in"]), str(content["stype_out"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenFileError(f"{path}: not the symbology of a Databento job: {error!r}") from error


def _date(day: int) -> date:
    return EPOCH.date() + timedelta(days=int(day))


class _Layer:
    """Intervals of which no two have the same id on the same day."""

    def __init__(self, intervals: Sequence[SymbolInterval], numbers: Mapping[str, int]) -> None:
        self._starts = np.array([(one.instrument_id << _DAY_BITS) | max(one.start_day, 0) for one in intervals])
        self._ids = np.array([one.instrument_id for one in intervals])
        self._ends = np.array([one.end_day for one in intervals])
        self._numbers = np.array([numbers[one.symbol] for one in intervals])

    def lookup(self, keys: np.ndarray, days: np.ndarray) -> np.ndarray:
        places = np.searchsorted(self._starts, keys, side="right") - 1
        is_mapped = (places >= 0) & (self._ids[places] == keys >> _DAY_BITS) & (days < self._ends[places])
        return np.where(is_mapped, self._numbers[places], -1)


def _without_overlaps(intervals: Sequence[SymbolInterval]) -> list[list[SymbolInterval]]:
    """Split sorted intervals into layers in which no two of the same id overlap."""
    layers: list[list[SymbolInterval]] = []
    for interval in intervals:
        for layer in layers:
            if layer[-1].instrument_id != interval.instrument_id or layer[-1].end_day <= interval.start_day:
                layer.append(interval)
                break
        else:
            layers.append([interval])
    return layers
