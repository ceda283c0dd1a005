"""The vendor files of `mtstore demo`: a month of five tickers, with one of each fault."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from mtstore.ranges import US_PER_SECOND
from mtstore.synthetic.faults import Faults, Split
from mtstore.synthetic.flat_files import write_flat_files
from mtstore.synthetic.market import SyntheticMarket

_SOUND: Final = ("AAPL", "MSFT", "SPY")
_QUIET: Final = ("MSFT",)
_FAULTY: Final = ("AMZN", "GOOGL")

# Drawn so that November 2023 has them all: a halt of 23 minutes and an impossible row of GOOGL, a bad print of AMZN.
_SEED_OF_FAULTS: Final = 13
_SPLIT: Final = Split("GOOGL", date(2023, 11, 13), 1, 2)


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Files to ingest.

    Attributes
    ----------
    bars
        Flat files of minutes, one per session for the sound tickers and one for the others.
    corrected
        The session of the bad print again, without it.
    splits
        One split, as Polygon's JSON.
    """

    bars: list[Path]
    corrected: list[Path]
    splits: list[Path]


def write_demo_files(folder: Path, start: str, end: str) -> DemoFiles:
    """Write the files below a folder; the range of dates must hold one bad print."""
    sound = SyntheticMarket(_SOUND, seed=7, thin=_QUIET)
    faulty = _faulty_market(with_bad_prints=True)
    (bad_print,) = (fault for fault in faulty.planted_faults(start, end) if fault.kind == "bad_print")
    day = datetime.fromtimestamp(bad_print.start_us // US_PER_SECOND, UTC).date().isoformat()
    corrected = write_flat_files(_faulty_market(with_bad_prints=False), folder / "corrected", day, day)
    return DemoFiles(
        write_flat_files(sound, folder / "sound", start, end) + write_flat_files(faulty, folder / "faulty", start, end),
        corrected,
        [_write_split(folder / "splits.json")],
    )


def _faulty_market(*, with_bad_prints: bool) -> SyntheticMarket:
    faults = Faults(impossible_rows=True, bad_prints=with_bad_prints)
    return SyntheticMarket(_FAULTY, seed=_SEED_OF_FAULTS, thin=(), splits=[_SPLIT], faults=faults)


def _write_split(path: Path) -> Path:
    row = {
        "ticker": _SPLIT.ticker,
        "execution_date": _SPLIT.execution_date.isoformat(),
        "split_from": _SPLIT.split_from,
        "split_to": _SPLIT.split_to,
    }
    path.write_text(json.dumps({"results": [row]}), encoding="utf-8")
    return path
