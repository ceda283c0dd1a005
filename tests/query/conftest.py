"""A store that tests only read, beside a file that no statement may read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mtstore
from tests.kits.stores import answer, minutes, write

CANARY = "canary-4711"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds a store and, beside it, what the store must not reach."""
    folder = tmp_path_factory.mktemp("place")
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(f"word\n{CANARY}\n", encoding="utf-8")
    (outside / "secret.json").write_text(f'{{"word": "{CANARY}"}}\n', encoding="utf-8")
    with mtstore.open(folder / "store", create=True) as store:
        bars = {number: 100.0 + number for number in range(30)}
        write(store, *(answer(ticker, bars, minutes(0, 30)) for ticker in ("AAA", "BBB")))
    return folder


@pytest.fixture(scope="module")
def market(place: Path) -> Iterator[mtstore.Store]:
    """The store."""
    with mtstore.open(place / "store") as store:
        yield store


@pytest.fixture
def tree(place: Path) -> Callable[[], dict[str, str]]:
    """The files in the store and beside it, with a digest of each; DuckDB's spill folders are left out."""

    def look() -> dict[str, str]:
        return {
            str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
            for path in sorted(place.rglob("*"))
            if "spill-" not in str(path)
        }

    return look
