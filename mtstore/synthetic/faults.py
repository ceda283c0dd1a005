"""Faults of the synthetic market, and the record of where they were planted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from mtstore.errors import InputError
from mtstore.synthetic.clock import Sessions

FaultKind = Literal["halt", "bad_print", "impossible_row", "split"]


@dataclass(frozen=True, slots=True)
class Faults:
    """The kinds of faults that the market has, drawn from the seed.

    Attributes
    ----------
    thin
        A quarter of the tickers trade in only some of the minutes.
    halts
        Each ticker stops trading once a year, for 5 to 60 minutes of a regular session.
    bad_prints
        Once a year the close of one bar is a fifth away from its neighbours.
    splits
        Tickers above 100 a share at the start of a year may split in it, those below 10 may split in reverse.
        Prices are raw: they jump on the execution date.
    impossible_rows
        Once a year one bar's high is below its low. Off by default: an ingest quarantines such a bar.
    """

    thin: bool = True
    halts: bool = True
    bad_prints: bool = True
    splits: bool = True
    impossible_rows: bool = False

    @classmethod
    def none(cls) -> Faults:
        """Return no faults: every ticker trades in every minute of the regular session."""
        return cls(thin=False, halts=False, bad_prints=False, splits=False)


@dataclass(frozen=True, order=True, slots=True)
class Split:
    """`split_from` shares become `split_to` before the open of `execution_date` (a session's date)."""

    ticker: str
    execution_date: date
    split_from: float
    split_to: float

    def __post_init__(self) -> None:
        if not (self.split_from > 0 and self.split_to > 0):
            raise InputError(f"split of {self.ticker!r}: both numbers of shares must be above 0, got {self}")

    @property
    def price_factor(self) -> float:
        """The factor of the raw price: 0.5 for two shares out of one."""
        return self.split_from / self.split_to


@dataclass(frozen=True, order=True, slots=True)
class PlantedFault:
    """A fault and its place, `[start_us, end_us)`, microseconds since the epoch, UTC.

    A halt has no bars in its range; a bad print and an impossible row are the one bar that holds `start_us`; a split
    takes effect at `start_us`, the first moment of its session.
    """

    ticker: str
    start_us: int
    end_us: int
    kind: FaultKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class YearPlan:
    """One ticker's faults of one year, in seconds since the epoch; None where the year has none of the kind."""

    halt: tuple[int, int] | None = None
    bad_print: tuple[int, float] | None = None
    impossible_row: int | None = None


def plan_year(faults: Faults, rng: np.random.Generator, year: Sessions) -> YearPlan:
    """Draw one ticker's faults among the sessions of a year.

    All faults are drawn, whether or not they are switched on, so that switching one off does not move the others.
    """
    opens, closes = year.opens, year.closes
    sessions = rng.choice(len(opens), size=3, replace=len(opens) < 3)
    where = rng.uniform(0.15, 0.75, size=3)
    lasts = int(rng.integers(5, 61)) * 60
    factor = 1.2 if rng.random() < 0.5 else 0.8
    spans = closes[sessions] - opens[sessions]
    moments = opens[sessions] + (spans * where).astype(np.int64) // 60 * 60
    halt_start = int(moments[0])
    halt_end = min(halt_start + lasts, int(closes[sessions[0]]) - 60)
    bad, impossible = int(moments[1]), int(moments[2])

    def is_free(second: int) -> bool:
        # A session may have a midday break, in which no bar can be faulty.
        inside = (opens <= second) & (second < closes)
        return bool((inside & ~((year.break_start <= second) & (second < year.break_end))).any())

    return YearPlan(
        halt=(halt_start, halt_end) if faults.halts else None,
        bad_print=(bad, factor) if faults.bad_prints and is_free(bad) else None,
        impossible_row=impossible if faults.impossible_rows and is_free(impossible) else None,
    )
