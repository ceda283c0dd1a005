"""How large the benchmarks' data is."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of all data sets; any of them can be set by name on the command line.

    Attributes
    ----------
    tickers, start, end
        The market: 1-minute bars of regular sessions, dates included.
    few_tickers, few_start, few_end
        The part of it that the small alignment reads.
    partitions, many_partitions
        Sizes of the stores of small partitions: the one for point reads, `bars` and commits, and the one for macros.
    ingest_days, ingest_tickers
        Flat files to ingest.
    update_days, update_tickers
        Daily updates, one flat file each.
    growth
        Numbers of tickers, over the market's range.
    """

    name: str
    tickers: int
    start: str
    end: str
    few_tickers: int
    few_start: str
    few_end: str
    partitions: int
    many_partitions: int
    ingest_days: int
    ingest_tickers: int
    update_days: int
    update_tickers: int
    growth: tuple[int, ...]


SMALL = Scale(
    "small",
    tickers=10,
    start="2023-01-01",
    end="2023-03-31",
    few_tickers=5,
    few_start="2023-02-01",
    few_end="2023-02-28",
    partitions=500,
    many_partitions=1_000,
    ingest_days=8,
    ingest_tickers=50,
    update_days=10,
    update_tickers=20,
    growth=(2, 5, 10),
)
FULL = Scale(
    "full",
    tickers=100,
    start="2022-01-01",
    end="2023-12-31",
    few_tickers=10,
    few_start="2023-01-01",
    few_end="2023-12-31",
    partitions=10_000,
    many_partitions=50_000,
    ingest_days=250,
    ingest_tickers=1_000,
    update_days=250,
    update_tickers=500,
    growth=(10, 50, 100, 500),
)
LARGE = replace(FULL, name="large", tickers=500, start="2019-01-01")
SCALES = {scale.name: scale for scale in (SMALL, FULL, LARGE)}


def changed(scale: Scale, settings: list[str]) -> Scale:
    """A scale with some sizes replaced, each given as `name=value`."""
    known = {field.name: getattr(scale, field.name) for field in fields(scale) if field.name != "name"}
    values: dict[str, Any] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in known or not text:
            raise SystemExit(f"--set {setting}: not one of {', '.join(f'{one}=…' for one in known)}")
        before = known[name]
        if isinstance(before, tuple):
            values[name] = tuple(int(part) for part in text.split(","))
        else:
            values[name] = type(before)(text)
    return replace(scale, **values)
