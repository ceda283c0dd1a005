"""One published file, many clients: versions of DuckDB, Node, time zones, threads. All give the same rows."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.kits import old_clients
from tests.sql import answers
from tests.sql.run_statements import plain
from tests.sql.statements import BAD_ARGUMENTS, QUERIES, fill_market

VERSIONS = ("1.1.3", "1.2.2", "1.3.2", "1.4.4", "1.5.5")
RUNNER = Path(__file__).with_name("run_statements.py")
NODE_RUNNER = Path(__file__).with_name("run_statements.mjs")


@pytest.fixture(scope="module")
def database(new_market: Callable[[], Any]) -> Path:
    market = new_market()
    fill_market(market)
    path: Path = market.publish()
    return path


@pytest.fixture(scope="module")
def newest(database: Path) -> list[Any]:
    return _run("-", database, QUERIES)


@pytest.fixture(scope="session")
def client_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Installs an older client into a folder of its own, once."""
    folder = tmp_path_factory.mktemp("clients")
    return lambda version: str(old_clients.install(version, folder))


@pytest.mark.parametrize(
    ("zone", "threads"),
    [
        ("Pacific/Auckland", 1),
        pytest.param("America/New_York", 2, marks=pytest.mark.slow),
        pytest.param("Asia/Kolkata", 2, marks=pytest.mark.slow),
        pytest.param("UTC", 1, marks=pytest.mark.slow),
    ],
)
def test_clients_time_zone_and_threads_change_nothing(
    database: Path, newest: list[Any], zone: str, threads: int
) -> None:
    assert _differences(newest, _run("-", database, QUERIES, zone=zone, threads=threads)) == []


def test_clients_order_changes_no_row(database: Path, newest: list[Any]) -> None:
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET default_order = 'desc'")
        for query, answer in zip(QUERIES, newest, strict=True):
            if "(" in query and "ORDER BY" not in query:
                rows = [[plain(value) for value in row] for row in connection.execute(query).fetchall()]
                assert _differences(_sorted_rows(answer["rows"]), _sorted_rows(rows)) == [], query


def test_every_statement_that_is_compared_has_an_answer(newest: list[Any]) -> None:
    failed = [answer["error"] for answer in newest if "error" in answer]
    assert failed == []
    assert sum(bool(answer["rows"]) for answer in newest) > len(QUERIES) - 10


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_older_clients_give_the_same_rows(
    database: Path, newest: list[Any], client_folder: Callable[[str], str], version: str
) -> None:
    assert _differences(newest, _run(client_folder(version), database, QUERIES, zone="Asia/Kolkata")) == []


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_older_clients_give_the_answers_made_by_hand(
    client_folder: Callable[[str], str], version: str, new_market: Callable[[], Any]
) -> None:
    wrong = []
    for case in answers.CASES:
        market = new_market()
        answers.fill(market, case)
        path, statement = market.publish(), [answers.statement(case)]
        if _differences(_run("-", path, statement), _run(client_folder(version), path, statement)):
            wrong.append(case)
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_older_clients_reject_wrong_arguments(
    database: Path, client_folder: Callable[[str], str], version: str
) -> None:
    told = _run(client_folder(version), database, [statement for statement, _ in BAD_ARGUMENTS])
    untold = [
        (statement, answer)
        for (statement, message), answer in zip(BAD_ARGUMENTS, told, strict=True)
        if message not in answer.get("error", "")
    ]
    assert untold == []


@pytest.mark.slow
def test_the_node_client_gives_the_same_rows(
    database: Path, newest: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("there is no Node.js on this machine")
    folder = tmp_path_factory.mktemp("node")
    subprocess.run([npm, "install", "--silent", "--prefix", str(folder), "@duckdb/node-api"], check=True)
    shutil.copy(NODE_RUNNER, folder / NODE_RUNNER.name)
    command = [node, str(folder / NODE_RUNNER.name), str(database)]
    done = subprocess.run(command, input=json.dumps(QUERIES), text=True, capture_output=True, check=True)
    assert _differences(newest, json.loads(done.stdout)["answers"]) == []


def _run(folder: str, path: Path, statements: Sequence[str], *, zone: str = "UTC", threads: int = 2) -> list[Any]:
    done = subprocess.run(
        [sys.executable, str(RUNNER), folder, str(path), zone, str(threads)],
        input=json.dumps(list(statements)),
        text=True,
        capture_output=True,
        check=True,
    )
    found: list[Any] = json.loads(done.stdout)["answers"]
    return found


def _sorted_rows(rows: list[list[Any]]) -> list[list[Any]]:
    """Sort rows by their values, of sums without the last digits."""
    return sorted(rows, key=lambda row: [f"{value:.6g}" if isinstance(value, float) else repr(value) for value in row])


def _differences(expected: list[Any], found: list[Any]) -> list[str]:
    """The statements whose answers differ by more than the last digits of a sum."""
    names = QUERIES if len(expected) == len(QUERIES) else [""] * len(expected)
    return [
        f"{name}: {str(right)[:300]}"
        for name, left, right in zip(names, expected, found, strict=True)
        if not _is_same(left, right)
    ]


def _is_same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_is_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_is_same, left, right))
    if isinstance(left, float) and isinstance(right, (int, float)):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    return bool(left == right)
