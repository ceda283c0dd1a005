"""The cost of a call follows from its range and tickers: no other file is opened."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.kits import old_clients
from tests.sql.statements import walk

TICKERS = [f"T{number:03d}" for number in range(80)]
YEARS = (2021, 2022, 2023)

CASES = [
    ("FROM resampled(['T003', 'T061'], '5min', {})", 2),
    ("FROM aligned_outer(['T003', 'T061'], '5min', {})", 2),
    ("FROM aligned_ffill(['T003', 'T061'], '1d', {})", 2),
    ("FROM aligned_inner(['T003', 'T061'], '5min', {})", 2),
    ("FROM returns(['T003', 'T061'], '5min', {})", 2),
    ("FROM outliers(['T003', 'T061'], 3, {})", 2),
    ("FROM gaps(['T003', 'T061'], 5, {})", 2),
    ("FROM quality(['T003', 'T061'], 5, {})", 2),
    ("FROM aligned_grid(['T003', 'T061'], '5min', {})", 2),
    ("FROM log_returns(['T003', 'T061'], '5min', {})", 2),
    ("FROM rolling_volatility(['T003', 'T061'], '5min', window_bars := 3, {})", 2),
    ("FROM correlation(['T003'], 'T061', bar_interval := '5min', window_bars := 3, {})", 2),
    ("FROM beta(['T003'], 'T061', bar_interval := '5min', window_bars := 3, {})", 2),
    ("FROM spread('T003', 'T061', bar_interval := '5min', {})", 2),
    ("FROM ratio('T003', 'T061', bar_interval := '5min', {})", 2),
    ("FROM resampled('T061', '5min', {})", 1),
    ("FROM aligned_ffill('T061', '5min', {})", 1),
    (f"FROM resampled({TICKERS[10:70]}, '5min', {{}})", 60),
    (f"FROM aligned_outer({TICKERS[10:70]}, '5min', {{}})", 60),
]
CALLS = [
    *(f"{name}({{0}}, '5min')" for name in ("resampled", "aligned_outer", "aligned_inner", "aligned_ffill")),
    *(f"{name}({{0}}, '5min')" for name in ("aligned_grid", "returns", "log_returns", "rolling_volatility")),
    *(f"{name}({{0}}, 5)" for name in ("gaps", "outliers", "quality")),
    *(f"{name}({{0}}, '{{1}}')" for name in ("correlation", "beta")),
    *(f"{name}('{{1}}', '{{2}}')" for name in ("spread", "ratio")),
]
MIDDLE = "start_ts := DATE '2022-03-01', end_ts := DATE '2022-10-31'"


@pytest.fixture(scope="module")
def database(new_market: Callable[[], Any]) -> Path:
    path: Path = _fill(new_market()).publish()
    return path


def _fill(market: Any) -> Any:
    for seed, ticker in enumerate(TICKERS):
        for year in YEARS:
            market.add_bars(ticker, walk(f"{year}-06-01T13:30", 60, seed=seed))
    return market


@pytest.fixture(scope="module")
def connection(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{database}' AS market (READ_ONLY); USE market")
        yield connection


@pytest.mark.parametrize(("statement", "files"), CASES)
def test_only_the_files_of_the_tickers_and_the_year_are_opened(
    connection: duckdb.DuckDBPyConnection, statement: str, files: int
) -> None:
    plan = connection.execute(f"EXPLAIN ANALYZE {statement.format(MIDDLE)}").fetchall()[0][1]
    scans = [int(count) for count in re.findall(r"Total Files Read: (\d+)", plan)]
    assert scans
    # Macros that need the bars twice open the same files twice, never others.
    assert {count for count in scans if count} == {files}


@pytest.mark.slow
def test_an_old_client_opens_no_other_files_either(
    new_market: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """1.1 does not count the files of a scan, so the others hold nothing that could be read."""
    market = _fill(new_market())
    path = market.publish()
    wanted = {"T003", "T061", *TICKERS[10:70]}
    # The first file of each list says which columns there are.
    others = [row["path"] for row in market.files if row["ticker"] not in wanted or row["year"] != 2022][1:]
    for name in others:
        (market.root / name).write_bytes(b"no parquet")
    folder = old_clients.install("1.1.3", tmp_path_factory.mktemp("clients"))
    runner = Path(__file__).with_name("run_statements.py")
    statements = [statement.format(MIDDLE) for statement, _ in CASES]
    done = subprocess.run(
        [sys.executable, str(runner), str(folder), str(path), "UTC", "2"],
        input=json.dumps([*statements, "SELECT count(close) FROM bars"]),
        text=True,
        capture_output=True,
        check=True,
    )
    *pruned, whole = (answer.get("error") for answer in json.loads(done.stdout)["answers"])
    assert pruned == [None] * len(statements)
    assert "Parquet file" in whole


@pytest.mark.slow
def test_call_takes_as_long_whichever_tickers_it_names(connection: duckdb.DuckDBPyConnection) -> None:
    choices = [TICKERS[:10], TICKERS[-10:], TICKERS[::8]]
    month = "start_ts := DATE '2022-06-01', end_ts := DATE '2022-06-30'"
    for call in CALLS:
        seconds = []
        for tickers in choices:
            statement = f"FROM {call.format(tickers, *tickers[:2])[:-1]}, {month})"
            connection.execute(statement).fetchall()
            start = time.process_time()
            connection.execute(statement).fetchall()
            seconds.append(time.process_time() - start)
        assert max(seconds) < 4 * min(seconds) + 0.2, (call, seconds)
