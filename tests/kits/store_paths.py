"""A fresh store for each test, made once and brought back by copying: making one lays out decades of sessions.

A store knows where it lies, so all tests that share a template have theirs at the same place.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import mtstore


class StorePlace:
    """Where a store lies that was made already, and a copy of it as it is now, its template."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._template = root.with_name("template")
        shutil.copytree(root, self._template, symlinks=True)

    def fresh(self) -> Path:
        """Bring the store back to what it was."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self._template, self.root, symlinks=True)
        return self.root


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> StorePlace:
    """The place of every test's empty store."""
    root = tmp_path_factory.mktemp("place") / "store"
    mtstore.open(root, create=True).close()
    return StorePlace(root)


@pytest.fixture
def store(empty_store: StorePlace) -> Iterator[mtstore.Store]:
    """An empty store."""
    with mtstore.open(empty_store.fresh()) as opened:
        yield opened
