"""What an ingest did: file by file, ticker by ticker, and nothing left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

FileStatus = Literal["ingested", "unchanged", "rejected"]


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """One input file: what became of it, and why."""

    path: str
    status: FileStatus
    rows: int = 0
    error: str | None = None


@dataclass(slots=True)
class IngestResult:
    """One run of ingest.

    Attributes
    ----------
    rows
        Bars handed to the store (after repeated rows collapsed), whether or not they changed anything.
    quarantined_rows
        Rows that violate the rules for bars; they stand in the view `quarantine` with reason and origin.
    sessionless
        By ticker: how many intraday bars lie before the first or after the last date for which calendars list
        sessions. They are stored, but belong to no session: aligned answers leave them out.
    snapshot
        The store's generation after the run.
    """

    run_id: str = ""
    files: list[FileOutcome] = field(default_factory=list)
    tickers: int = 0
    rows: int = 0
    collapsed_rows: int = 0
    quarantined_rows: int = 0
    sessionless: dict[str, int] = field(default_factory=dict)
    commits: int = 0
    seconds: float = 0.0
    snapshot: int | None = None

    @property
    def rejected(self) -> list[FileOutcome]:
        """The files that did not go in."""
        return [outcome for outcome in self.files if outcome.status == "rejected"]

    @property
    def is_complete(self) -> bool:
        """Whether every file went in and no row was quarantined."""
        return not self.rejected and self.quarantined_rows == 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long run is: `done` of `total` steps of `stage`, with the rows that this stage has seen."""

    stage: Literal["hash", "read", "write", "check"]
    done: int
    total: int
    rows: int = 0
    tickers: int = 0


ProgressCallback = Callable[[Progress], None]


def no_progress(progress: Progress) -> None:
    """Nobody looks."""
