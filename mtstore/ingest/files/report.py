"""The result of an ingest, file by file, and its progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mtstore.arguments import first_few
from mtstore.bars import BarBatch
from mtstore.ingest.run_record import Run

FileStatus = Literal["ingested", "unchanged", "rejected", "passed over"]
# A printed result fits a screen.
_LINES = 20


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """One input file: whether it was ingested, and why not."""

    path: str
    status: FileStatus
    rows: int = 0
    error: str | None = None

    @property
    def reason(self) -> str:
        """The error without the file's path, which is equal for files with the same fault."""
        return (self.error or "").replace(self.path, "").lstrip(":, ")


class IngestWarning(UserWarning):
    """Files were rejected, rows quarantined, or what was stored seems wrong; the rest was ingested."""


@dataclass(slots=True)
class RejectedRows:
    """The rows that were quarantined for one reason, and the place of the first."""

    reason: str
    rows: int
    tickers: list[str]
    first: str | None

    def __str__(self) -> str:
        place = f" (the first: {self.first})" if self.first else ""
        named = [ticker for ticker in self.tickers if ticker]
        whose = f" of {first_few(named)}" if named else ""
        return f"{_count(self.rows, 'row')}{whose} quarantined: {self.reason}{place}"


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
    reasons
        Why rows were quarantined: one item per reason.
    notes
        What seems wrong with bars that were stored, one line per kind.
    coverage
        What custom files or a frame count as covering, in words; None for formats that say it themselves.
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
    reasons: list[RejectedRows] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    coverage: str | None = None
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

    def add_quarantined(self, batch: BarBatch) -> None:
        """Count the quarantined rows of a batch by reason."""
        if batch.quarantined is None:
            return
        by_reason = {one.reason: one for one in self.reasons}
        groups = batch.quarantined.group_by("reason", use_threads=False)
        for group in groups.aggregate([("origin", "first"), ("reason", "count")]).to_pylist():
            found = by_reason.setdefault(group["reason"], RejectedRows(group["reason"], 0, [], group["origin_first"]))
            found.rows += group["reason_count"]
            found.tickers.append(batch.ticker)
        self.reasons = list(by_reason.values())

    def errors(self) -> list[str]:
        """Return one line per reason for which files were rejected."""
        by_reason: dict[str, list[FileOutcome]] = {}
        for outcome in self.rejected:
            by_reason.setdefault(outcome.reason, []).append(outcome)
        return [_rejected_files(files) for files in by_reason.values()]

    def warnings(self) -> list[str]:
        """Return one line per reason for which rows were quarantined, and the notes."""
        return [*map(str, self.reasons), *self.notes]

    def problems(self) -> list[str]:
        """Return the lines of `errors` and `warnings`, 20 at most."""
        return first_lines([*self.errors(), *self.warnings()])

    def summary(self, noun: str = "bar") -> list[str]:
        """Return the counts of files and of bars, or of other rows that `noun` names, as lines."""
        unchanged, ingested = (
            sum(outcome.status == status for outcome in self.files) for status in ("unchanged", "ingested")
        )
        lines = [f"{_count(ingested, 'file')} ingested, {unchanged:,} unchanged, {len(self.rejected):,} rejected"]
        if ingested:
            rate = f"{self.seconds:.1f} s, {self.rows / max(self.seconds, 1e-6):,.0f} rows/s"
            lines.append(f"{_count(self.rows, noun)} of {_count(self.tickers, 'ticker')}: {rate}")
        if ingested and self.coverage:
            lines.append(self.coverage)
        passed_over = sorted({Path(outcome.path).name for outcome in self.files if outcome.status == "passed over"})
        if passed_over:
            lines.append(f"passed over, not data: {first_few(passed_over)}")
        return lines

    def __str__(self) -> str:
        return "\n".join([*self.summary(), *self.problems()])

    def run_row(self, run: Run) -> dict[str, Any]:
        """Return the row of `core.ingest_runs`."""
        ingested = sum(outcome.status == "ingested" for outcome in self.files)
        return run.row(
            status="complete" if self.is_complete else "incomplete" if ingested else "failed",
            tickers=self.tickers,
            files=ingested,
            rows=self.rows,
            quarantined_rows=self.quarantined_rows,
            error="; ".join(str(outcome.error) for outcome in self.rejected) or None,
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


def first_lines(lines: list[str]) -> list[str]:
    """Return the first 20 lines, and the number of the others."""
    more = len(lines) - _LINES
    return lines if more <= 0 else [*lines[:_LINES], f"{more:,} more reasons: see ingest_runs and quarantine"]


def _rejected_files(files: Sequence[FileOutcome]) -> str:
    """Describe files that were rejected for one reason."""
    names = [outcome.path for outcome in files]
    if len(names) == 1:
        return f"{names[0]}: rejected: {files[0].reason}"
    first = ", ".join(Path(name).name for name in names[:3])
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{len(names):,} files rejected: {files[0].reason}: {first}{more}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
