"""Named points of a commit, in order, at which tests stop or kill the process."""

from __future__ import annotations

from collections.abc import Callable

FAILPOINTS = (
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


def _ignore(failpoint: str) -> None:
    pass


observer: Callable[[str], None] = _ignore
"""Called at each failpoint; tests replace it."""


def hit(failpoint: str) -> None:
    """Call the observer before the commit goes beyond `failpoint`."""
    observer(failpoint)
