"""Other tools reading the published file, each installed into its own folder, while a writer commits."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mtstore
from tests.kits.old_clients import OURS, client
from tests.kits.stores import answer, bars_of, end, lines_of, minutes, process, tell, write

VERSIONS = (OURS, "1.1.3", "1.3.2", "1.5.5")
SECONDS = 15

SQLALCHEMY_PACKAGES = ("sqlalchemy<2.1", "duckdb-engine", "typing-extensions", "packaging")

SQLALCHEMY = """
sys.path.insert(0, args[0])
import warnings
import sqlalchemy
from sqlalchemy.pool import NullPool
warnings.simplefilter("ignore")
engine = sqlalchemy.create_engine(
    f"duckdb:///{args[1]}", poolclass=NullPool, connect_args={"read_only": True})
def scalar(query):
    with engine.connect() as connection:
        return connection.execute(sqlalchemy.text(query)).scalar()
seen = sqlalchemy.inspect(engine)
columns = seen.get_columns("bars", schema="main")
print(json.dumps([seen.get_view_names("main"), [column["name"] for column in columns],
                  [column["comment"] for column in columns]]), flush=True)
print(json.dumps(scalar("SELECT count(*) FROM resampled(['A'], '5min', session := 'all')")), flush=True)
for line in sys.stdin:
    print(json.dumps(scalar("SELECT count(*) FROM bars")), flush=True)
"""


# One more bar with each second, through the ingest.
COMMITTER = """
import mtstore, select
import pandas as pd
first, done = pd.Timestamp("2024-01-02 14:30", tz="UTC"), 0
row = {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1.0}
with mtstore.open(args[0]) as store:
    while not done or not select.select([sys.stdin], [], [], 1.0)[0]:
        store.ingest(pd.DataFrame(row, index=[first + pd.Timedelta(done, "min")]), ticker="A", schema="ohlcv-1m")
        done += 1
        if done == 1:
            print("ready", flush=True)
print(done)
"""

# `look` gives the number of bars, by the view and by a macro, in a connection of its own.
LOOKING = """
import select
BARS, BUCKETS = "SELECT count(*) FROM bars", "SELECT count(*) FROM resampled(['A'], '1min', session := 'all')"
WANTED = {"bars", "aligned", "coverage", "sessions", "tickers"}
seen = []
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.2)[0]:
    bars, buckets = look()
    assert bars == buckets, (bars, buckets)
    seen.append(bars)
print(json.dumps(seen))
"""

PYTHON = """
def look():
    with duckdb.connect(":memory:") as found:
        found.execute(f"ATTACH '{args[0]}' AS market (READ_ONLY)")
        found.execute("USE market")
        views = found.execute("SELECT view_name FROM duckdb_views() WHERE schema_name = 'main'").fetchall()
        assert {name for name, in views} >= WANTED, views
        found.execute("BEGIN")  # a session sees one state
        return [found.execute(query).fetchone()[0] for query in (BARS, BUCKETS)]
"""

COMMAND_LINE = """
import subprocess
def look():
    command = [args[1], "-readonly", "-csv", "-noheader", args[0], "-c", f"{BARS}; {BUCKETS}; SHOW TABLES"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert set(lines[2:]) >= WANTED, lines
    return lines[:2]
"""

SQLALCHEMY_LOOKS = """
sys.path.insert(0, args[1])
import warnings
import sqlalchemy
from sqlalchemy.pool import NullPool
warnings.simplefilter("ignore")
engine = sqlalchemy.create_engine(f"duckdb:///{args[0]}", poolclass=NullPool, connect_args={"read_only": True})
def look():
    with engine.connect() as connection:
        assert set(sqlalchemy.inspect(connection).get_view_names("main")) >= WANTED
        return [connection.execute(sqlalchemy.text(query.replace(":=", r"\\:="))).scalar() for query in (BARS, BUCKETS)]
"""

HARLEQUIN = """
sys.path.insert(0, args[1])
from harlequin_duckdb import DuckDbAdapter
def look():
    connection = DuckDbAdapter(conn_str=[args[0]], read_only=True).connect()
    (database,) = connection.get_catalog().items
    (schema,) = [item for item in database.fetch_children() if item.label == "main"]
    relations = {item.label: item for item in schema.fetch_children()}
    assert relations.keys() >= WANTED
    assert {"ticker", "ts_event", "close"} <= {item.label for item in relations["bars"].fetch_children()}
    counts = [connection.execute(query).fetchone()[0] for query in (BARS, BUCKETS)]
    connection.close()
    return counts
"""

NODE = Path(__file__).with_name("look_again.mjs")


@pytest.mark.slow
def test_sqlalchemy_lists_the_objects_and_sees_new_data_with_each_connection(tmp_path: Path) -> None:
    tool = _install(tmp_path / "tool", "--no-deps", *SQLALCHEMY_PACKAGES)
    with mtstore.open(tmp_path / "store", create=True) as store:
        write(store, answer("A", dict.fromkeys(range(10), 1.0), minutes(0, 10)))
        child = process(SQLALCHEMY, tool, store.path / "market.duckdb")
        lines = iter(lines_of(child))
        views, names, comments = json.loads(next(lines))
        assert {"bars", "tickers", "coverage", "aligned", "wide_close"} <= set(views)
        assert names == [row[0] for row in store.sql("DESCRIBE bars").fetchall()]
        assert all(comments)
        assert json.loads(next(lines)) == 2
        for number in range(1, 6):
            write(store, answer(f"B{number}", {0: 1.0}, minutes(0, 1)))
            tell(child, "look")
            assert json.loads(next(lines)) == len(bars_of(store)) == 10 + number
        assert child.stdin is not None
        child.stdin.close()
        child.stdin = None
        end(child)
        assert list(store.path.rglob("*.wal")) == []


@pytest.mark.slow
def test_every_tool_sees_new_bars_while_ingest_commits_each_second(tmp_path: Path) -> None:
    with mtstore.open(tmp_path / "store", create=True) as store:
        public = store.path / "market.duckdb"
        command_line = shutil.which("duckdb", path=str(Path(sys.executable).parent))
        assert command_line is not None
        sqlalchemy = _install(tmp_path / "sqlalchemy", "--no-deps", *SQLALCHEMY_PACKAGES)
        harlequin = _install(tmp_path / "harlequin", "harlequin")
        ingest = process(COMMITTER, store.path)
        _wait_until_ready(ingest)
        tools = {
            **{f"Python, {version}": client(PYTHON + LOOKING, version, tmp_path, public) for version in VERSIONS},
            "command line": process(COMMAND_LINE + LOOKING, public, command_line),
            "SQLAlchemy": process(SQLALCHEMY_LOOKS + LOOKING, public, sqlalchemy),
            "harlequin": process(HARLEQUIN + LOOKING, public, harlequin),
            **_node(tmp_path, public),
        }
        for worker in tools.values():
            _wait_until_ready(worker)
        time.sleep(SECONDS)
        for worker in (*tools.values(), ingest):
            if worker.poll() is None:
                tell(worker, "stop")
        done = int(end(ingest)[0])
        assert done >= SECONDS / 3, "no commit is held up"
        for name, worker in tools.items():
            # On a busy machine a tool may show its progress first.
            seen = [int(count) for count in json.loads(end(worker)[0].splitlines()[-1])]
            assert seen == sorted(seen), name
            assert seen[-1] <= done, name
            assert len(set(seen)) >= 3, f"{name} sees no new bars: {seen}"
        assert len(bars_of(store)) == done
        assert list(store.path.rglob("*.wal")) == []
        assert store.verify().is_sound


def _wait_until_ready(worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n", worker.communicate()[1]


def _install(folder: Path, *what: str) -> Path:
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(folder)]
    subprocess.run([*command, *what], check=True, capture_output=True, timeout=600)
    return folder


def _node(folder: Path, public: Path) -> dict[str, subprocess.Popen[str]]:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:  # the others are tested all the same; `test_clients.py` says that it is missing
        return {}
    subprocess.run([npm, "install", "--silent", "--prefix", str(folder), "@duckdb/node-api"], check=True)
    shutil.copy(NODE, folder / NODE.name)
    pipe = subprocess.PIPE
    command = [node, str(folder / NODE.name), str(public)]
    return {"Node": subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)}
