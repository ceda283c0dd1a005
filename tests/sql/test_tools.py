"""Tools of others over the published file, each installed into a folder of its own, while somebody else commits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from storekit import answer, bars_of, end, lines_of, minutes, process, tell, write

import mtstore

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


@pytest.mark.slow
def test_sqlalchemy_lists_the_objects_and_sees_new_data_with_each_connection(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "--target",
        tool,
    ]
    packages = ["sqlalchemy<2.1", "duckdb-engine", "typing-extensions", "packaging"]
    subprocess.run([*command, *packages], check=True, capture_output=True, timeout=300)
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
