"""A file system that fails: what is left is a committed state, the error says what happened, and the next try works."""

from __future__ import annotations

import ctypes
import importlib
import itertools
import json
import os
import pkgutil
import subprocess
import tempfile
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

import mtstore
from mtstore.errors import MtstoreError
from tests.kits import kill_process
from tests.kits.kill_process import FAULTS, faulty_calls, look, run_through, run_with_fault
from tests.kits.store_paths import StorePlace
from tests.kits.stores import bars_of, end, process

OPERATIONS = ("replace", "compact", "rebuild")

pytestmark = pytest.mark.skipif(faulty_calls() is None, reason="needs Linux and a C compiler")


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> StorePlace:
    return StorePlace(kill_process.make_base(tmp_path_factory.mktemp("faults") / "store"))


@pytest.fixture(autouse=True)
def reset(arena: StorePlace) -> Iterator[None]:
    yield
    arena.fresh()


@pytest.fixture(scope="module")
def states(arena: StorePlace) -> dict[str, list[kill_process.State]]:
    """The committed states that each operation can leave: the one before it, and the one after it."""
    before, found = look(arena.root), {}
    for operation in OPERATIONS:
        run_through(operation, arena.root)
        found[operation] = [before, look(arena.root)]
        arena.fresh()
    return found


def suffer(arena: StorePlace, states: list[kill_process.State], operation: str, fault: str, number: int) -> bool:
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
    arena.fresh()
    return hits > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_call_leaves_a_committed_state_and_the_next_try_works(
    arena: StorePlace, states: dict[str, list[kill_process.State]], fault: str
) -> None:
    struck = [suffer(arena, states["replace"], "replace", fault, number) for number in (1, 9)]
    assert any(struck)


@pytest.mark.slow
@pytest.mark.parametrize(("operation", "fault"), list(itertools.product(OPERATIONS, FAULTS)))
def test_each_call_that_can_fail_may_fail(
    arena: StorePlace, states: dict[str, list[kill_process.State]], operation: str, fault: str
) -> None:
    """Every call, the first ones one by one, the later ones in wider and wider steps."""
    numbers = itertools.accumulate(itertools.count(), lambda number, step: number + 1 + step, initial=1)
    struck = list(
        itertools.takewhile(lambda number: suffer(arena, states[operation], operation, fault, number), numbers)
    )
    assert struck, f"{operation} makes no call that could be a {fault}"


def _read(root: str, number: int, pipe: Connection) -> None:
    """Read everything, with one read of a file that fails; what was read, and what was said instead."""
    calls = ctypes.CDLL(None)
    calls.fault_arm(*FAULTS["failing read"][:2], number, 0, root.encode())
    rows = said = None
    try:
        with mtstore.open(root) as store:
            rows = store.sql("FROM bars ORDER BY ALL").fetchall()
    except (MtstoreError, OSError) as refusal:
        said = f"{type(refusal).__name__}: {refusal}"
    pipe.send((rows, said, calls.fault_hits()))


def test_a_read_that_fails_is_an_error_or_was_not_needed_and_never_fewer_rows(arena: StorePlace) -> None:
    with mtstore.open(arena.root) as store:
        expected = store.sql("FROM bars ORDER BY ALL").fetchall()
    failed = 0
    for number in itertools.count(1):
        ours, theirs = Pipe(duplex=False)
        child = kill_process.process(_read, str(arena.root), number, theirs)
        theirs.close()
        rows, said, hits = ours.recv()
        child.join(120)
        assert child.exitcode == 0
        assert (rows is None) != (said is None)
        assert rows in (None, expected), f"read {number}"
        failed += rows is None
        if not hits:
            break
    assert failed > 3


def test_a_data_file_that_vanished_is_an_error_and_never_fewer_rows(arena: StorePlace) -> None:
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
        kill_process.OPERATIONS[word](Path(root))
    os._exit(7)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    "operation", ["replace", *(pytest.param(name, marks=pytest.mark.slow) for name in ("compact", "rebuild"))]
)
def test_who_may_only_read_reads_and_is_refused_when_he_writes(operation: str) -> None:
    code = Path(mtstore.__file__).parent.parent
    if not all(folder.stat().st_mode & 0o001 for folder in (code, *code.parents)):
        pytest.skip(f"nobody else may read the project's SQL, which lies in {code}")
    # Not where all tests have their folders: pytest closes those to others whenever it starts.
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        root = kill_process.make_base(Path(place) / "store")
        before = look(root)
        child = kill_process.process(_as_nobody, str(root), operation)
        child.join(120)
        assert child.exitcode == 7
        assert look(root) == before


# Runs a command that sees a folder as it is on a read-only file system.
READ_ONLY_MOUNT = (
    "unshare",
    "--mount",
    "sh",
    "-c",
    'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"',
    "sh",
)

READ_THEN_WRITE = """
import mtstore
from tests.kits.stores import answer, bars_of, write
with mtstore.open(args[0]) as store:
    assert store.verify().is_sound
    rows = bars_of(store)
    with mtstore.MultiTickerDataLoader({"store": args[0], "tickers": ["A", "B"], "on_missing": "warn"}) as loader:
        assert loader.get_ticker_data("A", "2024-01-01", "2024-01-31").shape[0] > 0
    try:
        write(store, answer("A", {0: 9.0}))
    except (OSError, mtstore.MtstoreError) as error:
        print(json.dumps([len(rows), str(error)]))
"""


def test_a_store_on_a_read_only_file_system_is_read_and_says_why_it_cannot_be_written(arena: StorePlace) -> None:
    if subprocess.run([*READ_ONLY_MOUNT, arena.root, "true"], capture_output=True, check=False).returncode:
        pytest.skip("nobody may mount anything here")
    with mtstore.open(arena.root) as store:
        count = len(bars_of(store))
    child = process(READ_THEN_WRITE, arena.root, prefix=(*READ_ONLY_MOUNT, str(arena.root)))
    rows, message = json.loads(end(child)[0])
    assert rows == count
    assert "Read-only file system" in message
    assert str(arena.root) in message
