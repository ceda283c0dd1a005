"""A fresh store for each test, made once and brought back by copying: making one lays out decades of sessions.

A store knows where it lies, so all tests of a session have theirs at the same place.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import mtstore


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The place of every test's store, and a copy of it as it was when it was made."""
    place = tmp_path_factory.mktemp("place")
    mtstore.open(place / "store", create=True).close()
    shutil.copytree(place / "store", place / "template", symlinks=True)
    return place / "store", place / "template"


@pytest.fixture
def store(empty_store: tuple[Path, Path]) -> Iterator[mtstore.Store]:
    """An empty store."""
    root, template = empty_store
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(template, root, symlinks=True)
    with mtstore.open(root) as opened:
        yield opened
