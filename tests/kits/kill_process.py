"""Processes killed at a named step or a random moment, and what a fresh process then finds.

They are forked from a server that has imported everything and done nothing: real processes without the time of imports.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import functools
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

import mtstore
from mtstore import Store
from mtstore.bars import BarBatch
from mtstore.errors import MtstoreError
from mtstore.storage.commit import failpoints, writer
from mtstore.storage.layout import Layout
from mtstore.storage.maintenance.evict import evict as evict_partitions
from mtstore.storage.repository import Repository
from tests.kits.stores import MINUTE, START, answer, core_tables, data_files, known_files, minute_bars, minutes, write

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.kits.kill_while_prefetching"])


@functools.cache
def faulty_calls() -> Path | None:
    """Compile the library that makes file system calls fail; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    library = Path(tempfile.mkdtemp(prefix="mtstore-faults-")) / "faults.so"
    atexit.register(shutil.rmtree, library.parent, ignore_errors=True)
    source = Path(__file__).parents[1] / "reliability" / "faults.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


def process(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Start a process, forked from a server that has `tests` on its path and `faults.c` loaded."""
    library = faulty_calls()
    wanted = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    }
    if library is not None:
        wanted["LD_PRELOAD"] = str(library)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in wanted.items():
            patch.setenv(name, value)
        forkserver.ensure_running()
    child = _CONTEXT.Process(target=target, args=arguments)
    child.start()
    return child


State = dict[str, list[Any]]


# ---- what a victim does --------------------------------------------------------------------------------------------


def fetch(store: Store, *answers: BarBatch) -> None:
    """Write batches into a store as fetched from a vendor, so that they can be fetched again."""
    counts = dict.fromkeys(("tickers", "files", "rows", "quarantined_rows"), 0)
    with store.repository.writer("fetch") as writer:
        run = {"run_id": writer.run_id, "kind": "fetch", "status": "complete", "started_at": datetime.now(UTC)}
        writer.record("ingest_runs", run | counts)
        for one in answers:
            writer.add(one)


def make_base(root: Path) -> Path:
    """Create a store with two tickers in several files, a quarantined row, revisions and expired files."""
    with mtstore.open(root, create=True) as store:
        bad = minute_bars({3: 1.0}).append_column("reason", [["bad"]]).append_column("origin", [["f:7"]])
        fetch(store, answer("A", dict.fromkeys(range(50), 1.0), minutes(0, 100)))
        fetch(store, answer("A", {200: 1.0, 201: 2.0}, minutes(200, 300)), answer("B", {0: 1.0}, minutes(0, 10)))
        fetch(store, answer("A", {0: 2.0}, minutes(0, 10)), answer("B", {}, result="quarantined", quarantined=bad))
    return root


def replace(root: Path) -> None:
    """Replace, withdraw and add bars, and delete retired files."""
    with mtstore.open(root, grace=timedelta(0)) as store:
        write(store, answer("A", {5: 3.0, 6: 3.0}, minutes(0, 100)), answer("C", {1: 1.0}, minutes(0, 10)))


def append(root: Path) -> None:
    """Add bars after the last ones, in one commit for each of three tickers."""
    with mtstore.open(root) as store, store.repository.writer("append") as writer:
        for ticker in ("A", "B", "C"):
            writer.add(answer(ticker, {1_000: 1.0, 1_001: 2.0}, minutes(1_000, 1_100)))
            writer.commit()


def compact(root: Path) -> None:
    """Merge all files of each partition."""
    with mtstore.open(root, grace=timedelta(0)) as store:
        store.compact()


def rebuild(root: Path) -> None:
    """Rebuild the database."""
    Repository.rebuild_at(root)


def ingest(root: Path) -> None:
    """Ingest the flat files beside the store, one commit a ticker."""
    writer.COMMIT_EVERY_PARTITIONS = 1
    with mtstore.open(root) as store:
        store.ingest(root.parent / "flat")


def publish(root: Path) -> None:
    """Write a copy of the database file with all bars inside, beside the store."""
    with mtstore.open(root) as store:
        store.publish(root.parent / "copy.duckdb", materialize=True)


def evict(root: Path) -> None:
    """Evict every partition."""
    with mtstore.open(root) as store:
        evict_partitions(store.repository, ["polygon"], 0)


def init(root: Path) -> None:
    """Create a store."""
    mtstore.open(root, create=True).close()


OPERATIONS: dict[str, Callable[[Path], None]] = {
    function.__name__: function for function in (replace, append, compact, rebuild, evict, ingest, publish, init)
}


# ---- processes -----------------------------------------------------------------------------------------------------


def _victim(operation: str, root: str, step: str | None) -> None:
    if step is not None:

        def kill(reached: str) -> None:
            if reached == step:
                os.kill(os.getpid(), signal.SIGKILL)

        failpoints.observer = kill
    OPERATIONS[operation](Path(root))


def run_killed_at(operation: str, root: Path, step: str) -> bool:
    """Run an operation that is killed at a step; return whether it reached the step."""
    child = process(_victim, operation, str(root), step)
    child.join(120)
    assert child.exitcode in {0, -signal.SIGKILL}, child.exitcode
    return child.exitcode == -signal.SIGKILL


def run_killed_after(operation: str, root: Path, seconds: float) -> bool:
    """Run an operation and kill it after some time; return whether it was still running."""
    child = process(_victim, operation, str(root), None)
    child.join(seconds)
    if child.exitcode is None:
        child.kill()
    child.join(120)
    assert child.exitcode in {0, -signal.SIGKILL}, child.exitcode
    return child.exitcode == -signal.SIGKILL


def run_through(operation: str, root: Path) -> float:
    """Run an operation to its end; return the seconds it took."""
    began = time.monotonic()
    child = process(_victim, operation, str(root), None)
    child.join(120)
    assert child.exitcode == 0
    return time.monotonic() - began


# What `faults.c` calls them: the kind of call, and the error that it fails with.
FAULTS = {
    "disk full": (1, errno.ENOSPC, True),
    "input/output error": (1, errno.EIO, False),
    "short writes": (2, 0, True),
    "failing fsync": (3, errno.EIO, False),
    "failing rename": (4, errno.EACCES, False),
    "failing read": (5, errno.EIO, False),
}
REFUSED = 3


def _sufferer(operation: str, root: str, fault: str, number: int, pipe: Connection) -> None:
    calls = ctypes.CDLL(None)
    kind, error, is_lasting = FAULTS[fault]
    calls.fault_arm(kind, error, number, int(is_lasting), root.encode())
    try:
        OPERATIONS[operation](Path(root))
    except (MtstoreError, OSError) as refusal:
        pipe.send((calls.fault_hits(), f"{type(refusal).__name__}: {refusal}"))
        sys.exit(REFUSED)
    pipe.send((calls.fault_hits(), None))


def run_with_fault(operation: str, root: Path, fault: str, number: int) -> tuple[int, str | None]:
    """Run an operation whose call of that number fails; return how many calls failed, and the error message."""
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    child = process(_sufferer, operation, str(root), fault, number, theirs)
    theirs.close()
    try:
        outcome: tuple[int, str | None] = ours.recv()
    except EOFError:
        outcome = (0, None)
    child.join(120)
    assert child.exitcode in {0, REFUSED}, f"{operation}, {fault} at {number}: another error; it stands above"
    return outcome


def _look(root: str, rebuilds: bool, pipe: Connection) -> None:
    with mtstore.open(root) as store:
        check_store(store)
        found = state(store)
        if rebuilds:
            before = core_tables(store)
            store.rebuild()
            after = core_tables(store)
            assert {name for name in before if after.get(name) != before[name]} == set(), "rebuilt otherwise"
            check_store(store)
    pipe.send(found)


def look(root: Path, *, rebuilds: bool = False) -> State:
    """Return the state that a fresh process finds, after checking it."""
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    child = process(_look, str(root), rebuilds, theirs)
    theirs.close()
    try:
        found: State = ours.recv()
    except EOFError:
        found = {}
    child.join(120)
    assert child.exitcode == 0, "the fresh process failed; its error stands above"
    return found


# ---- what must be true -------------------------------------------------------------------------------------------


def state(store: Store) -> State:
    """Return the committed state without times and names that differ in every run."""
    columns = {
        "bars": f"ticker, (epoch_us(ts_event) - {START}) // {MINUTE}, close, source, schema, volume, vwap",
        "core.revisions": "ticker, ts_event, kind, old_close, new_close",
        "core.quarantine": "ticker, ts_event, reason, origin",
        "core.coverage_ledger": "tickers, ranges, result",
        "core.sources": "*",
        "core.series": "ticker, schema, first_ts, last_ts, row_count",
    }
    with store.repository.connection() as connection:
        return {
            name: sorted(connection.execute(f"SELECT {wanted} FROM {name}").fetchall(), key=repr)
            for name, wanted in columns.items()
        }


def check_store(store: Store) -> None:
    """Check that no file is left over or missing, and that the public name shows the newest snapshot."""
    layout: Layout = store.repository.layout
    newest = store.repository.layout.newest_snapshot()
    assert layout.snapshots(layout.log)[-1] == newest
    assert layout.published_snapshot() == newest
    public = layout.public_link.resolve()
    assert public.read_bytes() == layout.catalog_file(newest).read_bytes()
    assert not public.stat().st_mode & 0o222
    leftovers = [path.name for path in layout.tmp.iterdir() if not path.name.startswith("spill-")]
    assert leftovers == []
    assert list(store.path.rglob("*.wal")) == []
    assert {path.name for path in store.path.iterdir()} == (
        {"market.duckdb", "public", "catalog", "data", "meta", "tmp", "write.lock", "write.next"}
    )
    assert [path for path in layout.public.iterdir() if not path.name.isdigit()] == []
    assert known_files(store) == data_files(store.path)


def random_moments(count: int, longest: float, seed: int) -> list[float]:
    """Return moments up to `longest` seconds, the same for the same seed."""
    generator = random.Random(seed)
    return [generator.uniform(0.0, longest) for _ in range(count)]
