"""How far a long run is: a bar on a terminal, a plain line every few seconds elsewhere; always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from mtstore.cli.console import count, is_terminal, say

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
    """A callback that shows what it is told, for as long as the block lasts."""
    if is_quiet:
        yield lambda _: None
    elif is_terminal(sys.stderr):
        with _bar() as update:
            yield update
    else:
        yield _Lines().update


@contextmanager
def show_file_progress(*, is_quiet: bool = False) -> Iterator[Callable[[int, int, int], None]]:
    """A callback that shows how many files of how many, and how many of their rows, were checked."""
    from mtstore.ingest.files.report import Progress

    with show_progress(is_quiet=is_quiet) as show:
        yield lambda done, total, rows: show(Progress("check", done, total, rows))


class _Clock:
    """Rows a second and the time that is left; a stage begins where the one before it was last heard of."""

    def __init__(self) -> None:
        self._stage = ""
        self._began = self._heard = time.monotonic()

    def measure(self, progress: Progress) -> tuple[float, float | None]:
        """Rows a second so far, and the seconds that are left (None: nobody can know)."""
        now = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._began = progress.stage, self._heard
        self._heard = now
        elapsed = max(now - self._began, 1e-3)
        left = elapsed / progress.done * (progress.total - progress.done) if progress.done and elapsed > 0.5 else None
        return progress.rows / elapsed, left


class _Lines:
    """A line at the end of each stage, and every few seconds before."""

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
        say(", ".join(parts))


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
