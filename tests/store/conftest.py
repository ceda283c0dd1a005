"""A store for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import mtstore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[mtstore.Store]:
    with mtstore.open(tmp_path / "store", create=True) as made:
        yield made
