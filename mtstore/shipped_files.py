"""Find the folders beside the package that an installed wheel has inside it: `sql` and `configs`."""

from __future__ import annotations

import functools
from pathlib import Path


@functools.cache
def shipped_folder(name: str) -> Path:
    """Return a folder: inside the package in an installed wheel, else beside it in the checkout."""
    package = Path(__file__).resolve().parent
    for candidate in (package / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"{package}: has no {name}/ folder; install mtstore again")
