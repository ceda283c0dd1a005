"""The named steps of a write, for those who watch: progress, and the tests that kill a process at each of them.

`observer` does nothing here. A test replaces it in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable

STEPS = (
    "staged",
    "locked",
    "intent-written",
    "data-renamed",
    "catalog-copied",
    "catalog-changed",
    "catalog-verified",
    "log-renamed",
    "catalog-renamed",
    "public-copied",
    "public-renamed",
    "link-swapped",
    "pruned",
)


def _ignore(step: str) -> None:
    """Nobody watches."""


observer: Callable[[str], None] = _ignore


def reached(step: str) -> None:
    """Tell the observer that the process is about to go beyond `step`."""
    observer(step)
