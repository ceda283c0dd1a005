"""Show the progress of a fetch on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """Chunks done and in all, rows and requests so far, and the tickers of the last chunk."""

    done: int
    total: int
    rows: int = 0
    requests: int = 0
    tickers: tuple[str, ...] = ()


def no_progress(progress: FetchProgress) -> None:
    """Ignore progress."""


@contextmanager
def fetch_bar() -> Iterator[Callable[[FetchProgress], None]]:
    """Yield a callback that shows progress; the bar appears with its first call."""
    with ExitStack() as shown:
        bars: list[Progress] = []

        def update(progress: FetchProgress) -> None:
            if not bars:
                bars.append(shown.enter_context(_bar()))
                bars[0].add_task("fetching", total=None, rows=0, requests=0)
            bars[0].update(
                bars[0].task_ids[0],
                completed=progress.done,
                total=progress.total,
                rows=progress.rows,
                requests=progress.requests,
            )

        yield update


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("fetching"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("chunks, {task.fields[rows]:,} bars, {task.fields[requests]:,} requests"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
