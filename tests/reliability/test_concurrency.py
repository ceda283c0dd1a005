"""Writers, a compactor, readers, and plain DuckDB clients (one hostile, one old) at once: nobody sees a mixture."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

import mtstore
from mtstore import Store
from mtstore.synthetic import Faults, SyntheticMarket, write_flat_files
from tests.kits.old_clients import OURS, client
from tests.kits.stores import answer, bars_of, core_tables, data_files, end, known_files, minutes, process, tell, write

# Every commit writes the same number into each of the tickers' bars: a reader that sees two numbers saw a mixture.
WRITER = """
import mtstore
from tests.kits.stores import answer, minutes, write
done = 0
with mtstore.open(args[0]) as store:
    print("ready", flush=True)
    import select
    while not select.select([sys.stdin], [], [], 0)[0]:
        done += 1
        closes = {minute: float(done) for minute in range(20)}
        write(store, *(answer(f"{args[1]}{number}", closes, minutes(0, 100)) for number in range(3)))
        write(store, answer(f"{args[1]}LOG", {done: float(done)}))
print(done)
"""

COMPACTOR = """
import mtstore, select
done = 0
with mtstore.open(args[0]) as store:
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.3)[0]:
        store.compact()
        done += 1
print(done)
"""

# Bars as a vendor brings them, which are evicted again, with a short grace period: its commits delete what anybody has
# retired longer ago than that.
PRUNER = """
import mtstore, select
from datetime import timedelta
from tests.kits.kill_process import fetch
from tests.kits.stores import answer, minutes
multi = {"store": args[0], "tickers": ["PRUNED"], "cache": {"evict": "refetchable"}}
config = {"multi_ticker": multi, "sources": {"polygon": {"provider": "polygon"}}}
done = 0
cache = mtstore.CacheManager(config)
with mtstore.open(args[0], grace=timedelta(seconds=float(args[1]))) as store:
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        fetch(store, answer("PRUNED", {0: 1.0}, minutes(0, 5)))
        gone = {entry.partition.ticker for entry in cache.prune(max_size_gb=0.0).partitions}
        assert gone == {"PRUNED"}, gone
        done += 1
print(done)
"""

# One more flat file each time, of one more session, with three tickers in it.
INGESTER = """
import mtstore, select
from pathlib import Path
files = sorted(Path(args[1]).rglob("*.csv.gz"))
done = 0
with mtstore.open(args[0]) as store:
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.1)[0] and done < len(files):
        assert store.ingest(files[done], source="files").is_complete
        done += 1
print(done)
"""

CHECK = '''
QUERY = """SELECT substr(ticker, 1, 1) AS writer, count(DISTINCT close), count(*) FROM bars
WHERE ticker NOT LIKE '%LOG' AND ticker <> 'PRUNED' AND source = 'polygon' GROUP BY writer"""
def check(rows):
    for writer, numbers, bars in rows:
        assert (numbers, bars) == (1, 60), (writer, numbers, bars)
'''

READER = (
    CHECK
    + """
import mtstore, select
done = 0
with mtstore.open(args[0]) as store:
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        check(store.sql(QUERY).fetchall())
        done += 1
print(done)
"""
)

PLAIN = (
    CHECK
    + """
import select
done = 0
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.05)[0]:
    try:
        found = duckdb.connect(args[0], read_only=True)
    except duckdb.IOException as error:  # the hostile client has this very file open for writing
        assert "lock" in str(error), error
        continue
    check(found.execute(QUERY).fetchall())
    found.close()
    done += 1
print(done)
"""
)

LAST = """
found = duckdb.connect(args[0], read_only=True)
junk = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'junk'"
print(json.dumps([found.execute(query).fetchone()[0] for query in ("SELECT count(*) FROM bars", junk)]))
"""

HOSTILE = """
import os, select, signal
done = 0
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.2)[0]:
    child = os.fork()
    if not child:
        found = duckdb.connect(os.path.realpath(args[0]))
        found.execute("CREATE TABLE IF NOT EXISTS junk (x INTEGER); DELETE FROM core.files")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    done += 1
print(done)
"""


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("duckdbs")


@pytest.fixture(scope="module")
def flat_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flat")
    market = SyntheticMarket(3, faults=Faults.none(), extended_hours=False)
    write_flat_files(market, folder, "2024-01-02", "2024-12-31")
    return folder


def work(store: Store, workers: dict[str, subprocess.Popen[str]], seconds: float) -> None:
    """Let everybody work for some time; nobody may fail, and nothing may be lost."""
    started(workers)
    time.sleep(seconds)
    done = finished(workers)
    assert all(count > 0 for count in done.values()), done
    assert_nothing_lost(store, done)


def test_writers_a_compactor_a_pruner_and_readers_work_at_once(tmp_path: Path, flat_files: Path) -> None:
    with mtstore.open(tmp_path / "store", create=True) as store:
        workers = {
            "writer A": process(WRITER, store.path, "A"),
            "writer B": process(WRITER, store.path, "B"),
            "ingester": process(INGESTER, store.path, flat_files),
            "compactor": process(COMPACTOR, store.path),
            "pruner": process(PRUNER, store.path, 30),
            "reader": process(READER, store.path),
            "plain": client(PLAIN, OURS, tmp_path, store.path / "market.duckdb"),
        }
        work(store, workers, 2.0)


@pytest.mark.slow
def test_concurrent_processes_do_not_disturb_each_other(
    tmp_path: Path, clients: Path, flat_files: Path, pytestconfig: pytest.Config
) -> None:
    with mtstore.open(tmp_path / "store", create=True) as store:
        public = store.path / "market.duckdb"
        workers = {
            "writer A": process(WRITER, store.path, "A"),
            "writer B": process(WRITER, store.path, "B"),
            "ingester": process(INGESTER, store.path, flat_files),
            "compactor": process(COMPACTOR, store.path),
            "pruner": process(PRUNER, store.path, 30),
            **{f"reader {number}": process(READER, store.path) for number in range(8)},
            "plain": client(PLAIN, OURS, clients, public),
            "plain 1.1.3": client(PLAIN, "1.1.3", clients, public),
            "plain 1.3.2": client(PLAIN, "1.3.2", clients, public),
        }
        if os.geteuid() == 0:  # nobody else can open the file for writing
            workers["hostile"] = client(HOSTILE, OURS, clients, public)
        work(store, workers, pytestconfig.getoption("seconds"))
        write(store, answer("Z", {0: 1.0}, minutes(0, 1)))
        for version in (OURS, "1.1.3"):
            (seen,) = end(client(LAST, version, clients, public))
            assert json.loads(seen) == [len(bars_of(store)), 0], "nothing of the hostile client's is in what came after"


def started(workers: dict[str, subprocess.Popen[str]]) -> None:
    for worker in workers.values():
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n", worker.communicate()[1]


def finished(workers: dict[str, subprocess.Popen[str]]) -> dict[str, int]:
    for worker in workers.values():
        if worker.poll() is None:
            tell(worker, "stop")
    return {name: int(end(worker)[0]) for name, worker in workers.items()}


def assert_nothing_lost(store: Store, done: dict[str, int]) -> None:
    for name in ("A", "B"):
        if f"writer {name}" in done:
            rows = store.sql("SELECT close FROM bars WHERE ticker = ? ORDER BY ts_event", [f"{name}LOG"]).fetchall()
            assert rows == [(float(number),) for number in range(1, done[f"writer {name}"] + 1)], "no lost update"
    query = "SELECT count(DISTINCT session_date) FROM bars_local WHERE source = 'files' GROUP BY ticker"
    assert set(store.sql(query).fetchall()) == {(done["ingester"],)}, "no lost file"
    assert known_files(store) == data_files(store.path)
    before = core_tables(store)
    store.rebuild()
    assert core_tables(store) == before
