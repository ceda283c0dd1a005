"""Show the progress of a long run on stderr: a bar on a terminal, else a line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from mtstore.cli.console import count, echo

if TYPE_CHECKING:
    from mtstore.ingest.files.report import Progress

LINE_EVERY_SECONDS: Final = 5.0

_STAGES: Final = {
    "check": ("checking", "file"),
    "hash": ("hashing", "file"),
    "read": ("reading", "file"),
    "write": ("writing", "ticker"),
}


@contextmanager
def show_progress(*, is_quiet: bool = False) -> Iterator[Callable[[Progress], None]]:
    """Yield a callback that shows progress."""
    if is_quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar() as update:
            yield update
    else:
        yield _Lines().update


@contextmanager
def show_file_progress(*, is_quiet: bool = False) -> Iterator[Callable[[int, int, int], None]]:
    """Yield a callback that shows files checked, files in all, and rows read."""
    from mtstore.ingest.files.report import Progress

    with show_progress(is_quiet=is_quiet) as show:
        yield lambda done, total, rows: show(Progress("check", done, total, rows))


class _Clock:
    """Measure rows per second and the remaining time of each stage."""

    def __init__(self) -> None:
        self._stage = ""
        self._began = self._updated = time.monotonic()

    def measure(self, progress: Progress) -> tuple[float, float | None]:
        """Return rows per second, and the remaining seconds (None: unknown)."""
        now = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._began = progress.stage, self._updated
        self._updated = now
        elapsed = max(now - self._began, 1e-3)
        left = elapsed / progress.done * (progress.total - progress.done) if progress.done and elapsed > 0.5 else None
        return progress.rows / elapsed, left


class _Lines:
    """Write a line at the end of each stage, and every few seconds before."""

    def __init__(self) -> None:
        self._clock = _Clock()
        self._last = time.monotonic()

    def update(self, progress: Progress) -> None:
        rate, left = self._clock.measure(progress)
        now = time.monotonic()
        if progress.done < progress.total and now - self._last < LINE_EVERY_SECONDS:
            return
        self._last = now
        verb, noun = _STAGES.get(progress.stage, (progress.stage, "step"))
        parts = [f"{verb}: {progress.done:,} of {count(progress.total, noun)}"]
        if progress.rows:
            parts += [count(progress.rows, "row"), f"{rate:,.0f} rows/s"]
        if left is not None and progress.done < progress.total:
            parts.append(f"{left:.0f} s left")
        echo(", ".join(parts))


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[noun]}"),
        TextColumn("{task.fields[rows]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    clock = _Clock()
    with RichProgress(*columns, console=Console(stderr=True)) as shown:
        tasks = {
            stage: shown.add_task(verb, total=None, visible=False, noun=f"{noun}s", rows="", rate="")
            for stage, (verb, noun) in _STAGES.items()
        }

        def update(progress: Progress) -> None:
            rate, _ = clock.measure(progress)
            shown.update(
                tasks[progress.stage],
                visible=True,
                completed=progress.done,
                total=progress.total,
                rows=count(progress.rows, "row") if progress.rows else "",
                rate=f"{rate:,.0f} rows/s" if progress.rows else "",
            )

        yield update
