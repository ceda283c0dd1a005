"""A file system that fails: what is left is a committed state, the error says what happened, and the next try works."""

from __future__ import annotations

import importlib
import itertools
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import killkit
import pytest
from killkit import FAULTS, Arena, faulty_calls, look, run_through, run_with_fault
from storekit import bars_of

import mtstore
from mtstore.errors import MtstoreError

OPERATIONS = ("replace", "compact", "rebuild")

pytestmark = pytest.mark.skipif(faulty_calls() is None, reason="needs Linux and a C compiler")


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Arena:
    return Arena(tmp_path_factory.mktemp("faults"))


@pytest.fixture(autouse=True)
def reset(arena: Arena) -> Iterator[None]:
    yield
    arena.reset()


@pytest.fixture(scope="module")
def states(arena: Arena) -> dict[str, list[killkit.State]]:
    """The committed states that each operation can leave: the one before it, and the one after it."""
    before, found = look(arena.root), {}
    for operation in OPERATIONS:
        run_through(operation, arena.root)
        found[operation] = [before, look(arena.root)]
        arena.reset()
    return found


def suffer(arena: Arena, states: list[killkit.State], operation: str, fault: str, number: int) -> bool:
    """One operation with one fault; whether the fault came to pass."""
    hits, said = run_with_fault(operation, arena.root, fault, number)
    context = f"{operation}, {fault} at call {number}: {said}"
    found = look(arena.root, rebuilds=hits > 0)
    assert found in states, context
    if said is None:
        assert found == states[1], context
    if fault == "short writes":
        assert said is None, context
    if hits:
        run_through(operation, arena.root)
        assert look(arena.root)["bars"] == states[1]["bars"], context
    arena.reset()
    return hits > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_call_leaves_a_committed_state_and_the_next_try_works(
    arena: Arena, states: dict[str, list[killkit.State]], fault: str
) -> None:
    struck = [suffer(arena, states["replace"], "replace", fault, number) for number in (1, 9)]
    assert any(struck)


@pytest.mark.slow
@pytest.mark.parametrize(("operation", "fault"), list(itertools.product(OPERATIONS, FAULTS)))
def test_each_call_that_can_fail_may_fail(
    arena: Arena, states: dict[str, list[killkit.State]], operation: str, fault: str
) -> None:
    """Every call, the first ones one by one, the later ones in wider and wider steps."""
    numbers = itertools.accumulate(itertools.count(), lambda number, step: number + 1 + step, initial=1)
    struck = list(
        itertools.takewhile(lambda number: suffer(arena, states[operation], operation, fault, number), numbers)
    )
    assert struck, f"{operation} makes no call that could be a {fault}"


def test_a_data_file_that_vanished_is_an_error_and_never_fewer_rows(arena: Arena) -> None:
    with mtstore.open(arena.root) as store:
        (path, _) = store.sql("SELECT path, ticker FROM core.files WHERE ticker = 'B'").fetchall()[0]
        (arena.root / path).unlink()
        with pytest.raises(MtstoreError, match=Path(path).name):
            bars_of(store)
        assert [problem.path for problem in store.verify().problems] == [path]


def _read_all(root: str) -> None:
    with mtstore.open(root) as store:
        assert bars_of(store)
        assert store.verify().problems == []


def _as_nobody(root: str, word: str) -> None:
    """Read and write a store as an ordinary user; leaves with 7 if reading worked and writing was refused."""
    _read_all(root)  # as root, as all imports: the Python environment may be one that nobody else may look into
    for module in pkgutil.walk_packages(mtstore.__path__, "mtstore."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    os.setgid(65534)
    os.setuid(65534)
    _read_all(root)
    with pytest.raises(PermissionError, match=root):
        killkit.OPERATIONS[word](Path(root))
    os._exit(7)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("operation", ["replace", "compact", "rebuild"])
def test_who_may_only_read_reads_and_is_refused_when_he_writes(
    arena: Arena, states: dict[str, list[killkit.State]], operation: str
) -> None:
    code = Path(mtstore.__file__).parent.parent
    if not all(folder.stat().st_mode & 0o001 for folder in (code, *code.parents)):
        pytest.skip(f"nobody else may read the project's SQL, which lies in {code}")
    for folder in arena.root.parents:  # the folders of all tests, which run side by side: they stay open
        if folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(folder.stat().st_mode | 0o055)
    child = killkit.process(_as_nobody, str(arena.root), operation)
    child.join(120)
    assert child.exitcode == 7
    assert look(arena.root) == states[operation][0]
