"""The public file: read-only, of the oldest storage version, and harmless whatever its clients do."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

import mtstore
from mtstore import Store
from tests.kits.old_clients import OURS, client
from tests.kits.stores import answer, bars_of, core_tables, end, lines_of, minutes, tell, write

OLD = ("1.1.3", "1.3.2", "1.5.5")

READ = """
with duckdb.connect(args[0], read_only=True) as found:
    rows = found.execute("SELECT ticker, epoch_us(ts_event), close FROM bars ORDER BY ALL").fetchall()
    names = found.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'").fetchall()
    buckets = found.execute("SELECT ticker, close FROM aligned_outer(['A', 'B'], '5min') ORDER BY ALL").fetchall()
print(json.dumps([rows, sorted(name for name, in names), buckets], default=str))
"""

# Opens the public file read-write, changes what it can, and stays until it is told to go on.
HOSTILE = """
import os, signal
found = duckdb.connect(args[0])
found.execute("CREATE TABLE junk AS SELECT 1 AS x; DELETE FROM core.files; DELETE FROM core.coverage_ledger")
found.execute("CREATE OR REPLACE VIEW bars AS SELECT 'JUNK' AS ticker, now() AS ts_event, 0.0 AS close")
print("written", flush=True)
sys.stdin.readline()
if args[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
for number in range(50):
    found.execute("INSERT INTO junk VALUES (?)", [number])
found.execute("CHECKPOINT")
found.close()
"""

# Root is not stopped by a file's mode. It leaves its rights after the imports: the environment may be root's alone.
BECOME_NOBODY = """
import os
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
"""

OPEN_READ_WRITE = """
print(duckdb.connect(args[0], read_only=True).execute("SELECT count(*) FROM bars").fetchall())
try:
    duckdb.connect(args[0])
except duckdb.IOException as error:
    print(type(error).__name__, error)
else:
    print("opened")
"""


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("duckdbs")


def test_the_public_file_is_a_read_only_copy_without_a_write_ahead_log(store: Store) -> None:
    write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    link = store.path / "market.duckdb"
    assert link.is_symlink()
    assert not link.readlink().is_absolute(), "the store can be seen at another place, in a container say"
    public = link.resolve()
    private = store.repository.layout.catalog_file(store.repository.layout.newest_snapshot())
    assert public.read_bytes() == private.read_bytes()
    assert not os.path.samefile(public, private)
    for path in (public, private):
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert list(store.path.rglob("*.wal")) == []


def test_its_storage_version_is_the_one_that_every_client_opens(store: Store) -> None:
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"ATTACH '{store.path / 'market.duckdb'}' AS found (READ_ONLY)")
        tags: Any = connection.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'found'").fetchall()
    assert tags[0][0]["storage_version"].startswith("v1.0.0")


def test_an_ordinary_user_reads_it_and_cannot_open_it_read_write() -> None:
    # Not where all tests have their folders: pytest closes those to others whenever it starts.
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        mtstore.open(Path(place) / "store", create=True).close()
        path = Path(place) / "store" / "market.duckdb"
        source = f"import duckdb\n{BECOME_NOBODY}\nargs = [{str(path)!r}]\n{OPEN_READ_WRITE}"
        command = [sys.executable, "-c", source]
        found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 0, found.stderr
    read, refused = found.stdout.splitlines()[:2]
    assert read == "[(0,)]"
    assert "Permission denied" in refused or "read-only" in refused.lower(), refused


@pytest.mark.slow
@pytest.mark.parametrize("version", OLD)
def test_older_clients_read_the_same_from_it(store: Store, clients: Path, version: str) -> None:
    write(
        store,
        answer("A", dict.fromkeys(range(20), 1.0), minutes(0, 30)),
        answer("B", {3: None, 11: 2.0}, minutes(0, 30)),
    )
    (theirs,) = end(client(READ, version, clients, store.path / "market.duckdb"))
    (ours,) = end(client(READ, OURS, clients, store.path / "market.duckdb"))
    assert theirs == ours
    assert '"A"' in theirs
    assert list(store.path.rglob("*.wal")) == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["late", "killed"])
@pytest.mark.parametrize("version", ["1.1.3", OURS])
def test_a_client_that_writes_as_root_changes_nothing_for_anybody(
    store: Store, clients: Path, version: str, how: str
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can open the file read-write")
    write(store, answer("A", {0: 1.0, 1: 2.0}, minutes(0, 5)))
    hostile = client(HOSTILE, version, clients, store.path / "market.duckdb", how)
    assert next(iter(lines_of(hostile))) == "written"
    before = core_tables(store)
    if how == "killed":
        tell(hostile, "die")
        hostile.communicate(timeout=60)
        assert list(store.path.rglob("*.wal")), "the test wants a write-ahead log to be left behind"
    write(store, answer("B", {0: 5.0}, minutes(0, 5)))
    if how == "late":
        tell(hostile, "write")
        hostile.communicate(timeout=60)  # its own checkpoint may fail: nothing of it is ours
    assert [row[0] for row in bars_of(store)] == ["A", "A", "B"]
    assert set(before["core.files"]) < set(core_tables(store)["core.files"])
    with mtstore.open(store.path) as again:
        assert bars_of(again) == bars_of(store)
        write(again, answer("C", {0: 5.0}, minutes(0, 5)))
    expected = store.sql("SELECT ticker, epoch_us(ts_event), close FROM bars ORDER BY ALL").fetchall()
    for reader in (OURS, "1.1.3"):
        (seen,) = end(client(READ, reader, clients, store.path / "market.duckdb"))
        assert json.loads(seen)[0] == [list(row) for row in expected]
    rows = core_tables(store)
    store.rebuild()
    assert core_tables(store) == rows
