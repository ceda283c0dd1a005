"""Empty stores copied from templates: creating one takes a second, because it writes decades of sessions.

A store knows its path, so a copy works only where its template was made. Tests therefore share a few paths.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

import mtstore
from mtstore.storage.repository import Repository

FAILED = pytest.StashKey[bool]()


class StorePlace:
    """The path of a store that was made before, and a copy of its content as it is now."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._template = root.with_name("template")
        shutil.copytree(root, self._template, symlinks=True)

    def fresh(self) -> Path:
        """Put the store back to the copied content."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self._template, self.root, symlinks=True)
        return self.root


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> StorePlace:
    """The place of the fixture `store`."""
    root = tmp_path_factory.mktemp("place") / "store"
    mtstore.open(root, create=True).close()
    return StorePlace(root)


@pytest.fixture
def store(empty_store: StorePlace) -> Iterator[mtstore.Store]:
    """An empty store."""
    with mtstore.open(empty_store.fresh()) as opened:
        yield opened


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Path]:
    """An empty folder, at the same path in every test, so that stores in it can be copied from templates."""
    folder = tmp_path_factory.getbasetemp() / "tmp"
    folder.mkdir()
    yield folder
    # Renamed first: what a thread still writes by its path reaches no later test.
    moved = folder.rename(tmp_path_factory.mktemp(re.sub(r"\W", "_", request.node.name)[:30]) / "tmp")
    if not request.node.stash.get(FAILED, False):
        shutil.rmtree(moved.parent, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """Templates of empty stores by the path that they were made at."""
    return {}


@pytest.fixture(autouse=True)
def copied_creation(
    templates: dict[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Create a store by copying one that was created at the same path; a test marked `creates` does without."""
    if request.node.get_closest_marker("creates"):
        return
    create = Repository._create

    def copy_or_create(repository: Repository) -> None:
        root = repository.layout.root
        if root.exists() and any(root.iterdir()):
            create(repository)
        elif root in templates:
            shutil.copytree(templates[root], root, symlinks=True, dirs_exist_ok=True)
        else:
            create(repository)
            if root.is_relative_to(tmp_path_factory.getbasetemp() / "tmp"):
                templates[root] = tmp_path_factory.mktemp("template") / "store"
                shutil.copytree(root, templates[root], symlinks=True)

    monkeypatch.setattr(Repository, "_create", copy_or_create)
