"""The result of an ingest, file by file, and its progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from mtstore.ingest.run_record import Run

FileStatus = Literal["ingested", "unchanged", "rejected"]


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """One input file: whether it was ingested, and why not."""

    path: str
    status: FileStatus
    rows: int = 0
    error: str | None = None


@dataclass(slots=True)
class IngestResult:
    """The result of one ingest.

    Attributes
    ----------
    files
        The outcome of every file.
    rows
        Bars written to the store (after repeated rows collapsed), whether or not they changed anything.
    quarantined_rows
        Rows that violate the rules for bars; the view `quarantine` shows them with reason and origin.
    sessionless
        By ticker: the number of intraday bars before the first or after the last date for which calendars list
        sessions. They are stored but belong to no session, so aligned tables leave them out.
    snapshot
        The store's snapshot after the run.
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
        """The files that were not ingested."""
        return [outcome for outcome in self.files if outcome.status == "rejected"]

    @property
    def is_complete(self) -> bool:
        """Whether no file was rejected and no row was quarantined."""
        return not self.rejected and self.quarantined_rows == 0

    def run_row(self, run: Run) -> dict[str, Any]:
        """Return the row of `core.ingest_runs`."""
        ingested = sum(outcome.status == "ingested" for outcome in self.files)
        return run.row(
            status="complete" if self.is_complete else "incomplete" if ingested else "failed",
            tickers=self.tickers,
            files=ingested,
            rows=self.rows,
            quarantined_rows=self.quarantined_rows,
            error="; ".join(str(outcome.error) for outcome in self.rejected[:10]) or None,
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a long run: `done` of `total` steps of `stage`, and the rows that this stage has read."""

    stage: Literal["hash", "read", "write", "check"]
    done: int
    total: int
    rows: int = 0
    tickers: int = 0


ProgressCallback = Callable[[Progress], None]


def no_progress(progress: Progress) -> None:
    """Ignore progress."""
