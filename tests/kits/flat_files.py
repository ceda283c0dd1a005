"""Flat files of a few rows."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

HEADER = ("ticker", "volume", "open", "close", "high", "low", "window_start", "transactions")
DAY = date(2024, 3, 4)

Row = tuple[object, ...]


def nanoseconds(clock: str, day: date = DAY) -> int:
    """Return a wall time of New York as the vendor writes it."""
    moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo("America/New_York"))
    return int(moment.timestamp()) * 1_000_000_000


def row(ticker: object, clock: str, price: float = 10.0, *, day: date = DAY, **values: object) -> Row:
    """Return a valid row, except for `values`."""
    plain: dict[str, object] = {
        "ticker": ticker,
        "volume": 100,
        "open": price,
        "close": price,
        "high": price,
        "low": price,
        "window_start": nanoseconds(clock, day),
        "transactions": 3,
    }
    return tuple((plain | values).values())


def write_flat(
    folder: Path,
    rows: Iterable[Row],
    *,
    day: date = DAY,
    name: str | None = None,
    header: Sequence[str] = HEADER,
    kind: str = "minute_aggs_v1",
) -> Path:
    """Write a flat file into the vendor's folders; the rows are in the order of `header`."""
    text = "\n".join(",".join(map(str, line)) for line in (header, *rows)) + "\n"
    path = folder / kind / (name or f"{day}.csv.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path
