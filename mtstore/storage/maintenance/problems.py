"""What is wrong with a store: one problem per file, in words for people."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes
    ----------
    path
        The file or folder, relative to the store's root.
    problem
        What is wrong with it.
    advice
        What to do.
    check
        The check that found it: the name of a file in `sql/checks/`, or a word like `log`, `catalog`, `public`.
    """

    path: str
    problem: str
    advice: str
    check: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.advice}"


@dataclass(slots=True)
class VerifyResult:
    """What `verify` found.

    Attributes
    ----------
    snapshot
        The generation that the store was checked against; None if there is none that can be read.
    files, rows, bytes
        What was read from the first to the last byte: files under data/ and meta/, their rows, their bytes.
    problems
        Everything that is wrong, by path; empty for a sound store.
    notes
        What could not be judged, for example files of a writer that was busy.
    """

    snapshot: int | None = None
    files: int = 0
    rows: int = 0
    bytes: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems
