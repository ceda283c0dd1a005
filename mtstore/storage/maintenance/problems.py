"""What `verify` reports: problems, one per file, and the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mtstore.storage.layout import Layout


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One problem of a store.

    Attributes
    ----------
    path
        The file or folder, relative to the store's root.
    problem
        What is wrong with it.
    advice
        What to do.
    check
        The check that found it: the name of a file in `sql/checks/`, or `log`, `catalog`, `public`, `derived`.
    """

    path: str
    problem: str
    advice: str
    check: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.advice}"


def unknown_files(layout: Layout, paths: Iterable[Path], known: set[Path], problem: str) -> Iterator[Problem]:
    """Yield a problem for each of `paths` that is not `known`."""
    for path in paths:
        if path not in known:
            yield Problem(
                str(path.relative_to(layout.root)), problem, "`mtstore repair` sets it aside", "unknown_files"
            )


@dataclass(slots=True)
class VerifyResult:
    """What `verify` found.

    Attributes
    ----------
    snapshot
        The snapshot that the store was checked against; None if none can be read.
    files, rows, bytes
        How much was read: files under data/ and meta/, their rows, their bytes.
    problems
        All problems, by path; empty for a sound store.
    notes
        What could not be checked, for example files of a busy writer.
    """

    snapshot: int | None = None
    files: int = 0
    rows: int = 0
    bytes: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether there are no problems."""
        return not self.problems
