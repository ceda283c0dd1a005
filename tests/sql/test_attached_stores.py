"""Several stores, or copies, attached to one connection: a macro answers with its own rows, or not at all."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest

import mtstore
from mtstore.cli.sql_reference import Definition, definitions
from mtstore.storage.repository import Repository
from mtstore.storage.views.view_texts import ViewInputs
from tests.kits import old_clients

_EXAMPLE = re.compile(r"^-- Example: (.+);$", re.MULTILINE)
MACROS = [one for one in definitions(ViewInputs(Path())) if one.kind == "macro" and not one.is_inner]
VERSIONS = ("1.1.3", "1.3.2", "1.5.5")
REFUSED = "search_path: it leads to another store"
# Reads the databases a and b, and what to run; prints the rows, or the error.
RUNNER = """
given = json.loads(args[0])
connection = duckdb.connect()
for name, path in given["attach"].items():
    connection.execute(f"ATTACH '{path}' AS {name} (READ_ONLY)")
for statement in given["first"]:
    connection.execute(statement)
answers = []
for statement in given["run"]:
    try:
        answers.append(len(connection.execute(statement).fetchall()))
    except Exception as error:
        answers.append(str(error))
print(json.dumps(answers))
"""


def fill(path: Path, price: float) -> Path:
    """Create a store with two days of minutes of three tickers; return its database file."""
    with mtstore.open(path, create=True) as store:
        for number, ticker in enumerate(("AAPL", "MSFT", "SPY")):
            days = [pd.date_range(f"2023-01-0{day} 14:30", periods=60, freq="1min", tz="UTC") for day in (3, 4)]
            index = days[0].append(days[1])
            close = [price + number + (at % 7) / 10 for at in range(len(index))]
            frame = pd.DataFrame({"open": close, "high": close, "low": close, "close": close, "volume": 1.0}, index)
            store.ingest_frame(frame, ticker=ticker, schema="ohlcv-1m", source="polygon")
    return path / "market.duckdb"


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two stores, and two copies of the second, each with its bars inside."""
    folder = tmp_path_factory.mktemp("stores")
    files = {"a": fill(folder / "a", 1.0), "b": fill(folder / "b", 2.0)}
    with mtstore.open(folder / "b") as store:
        files["monday"] = store.publish(folder / "monday.duckdb")
        files["tuesday"] = store.publish(folder / "tuesday.duckdb", materialize=True)
    # DuckDB attaches a file once.
    return {name: str(file.resolve()) for name, file in files.items()}


@pytest.fixture
def connection(stores: dict[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        for name, path in stores.items():
            opened.execute(f"ATTACH '{path}' AS {name} (READ_ONLY)")
        yield opened


def of(database: str, statement: str, macro: str) -> str:
    """Return a statement that calls the macro of a database."""
    return re.sub(rf"\b{macro}\(", f"{database}.{macro}(", statement)


@pytest.mark.parametrize("macro", MACROS, ids=[one.name for one in MACROS])
def test_a_macro_does_not_answer_with_the_rows_of_another_store(
    connection: duckdb.DuckDBPyConnection, macro: Definition
) -> None:
    name = macro.name
    (example,) = _EXAMPLE.findall(macro.text)
    expected = {}
    for database in ("a", "b"):
        connection.execute(f"USE {database}")
        expected[database] = connection.execute(example).fetchall()
        assert connection.execute(of(database, example, name)).fetchall() == expected[database]
    assert name != "resampled" or expected["a"] != expected["b"]
    for current, called in (("a", "b"), ("b", "a"), ("b", "monday"), ("monday", "tuesday"), ("tuesday", "b")):
        connection.execute(f"USE {current}")
        with pytest.raises(duckdb.InvalidInputException, match=REFUSED):
            connection.execute(of(called, example, name)).fetchall()
    connection.execute("SET search_path = 'memory.main,b.main,b.core'")
    assert connection.execute(example).fetchall() == expected["b"]
    connection.execute("CREATE OR REPLACE TEMP TABLE own AS " + example)
    assert connection.execute("FROM own").fetchall() == expected["b"]


def test_views_answer_with_their_own_stores_rows_whatever_is_in_use(connection: duckdb.DuckDBPyConnection) -> None:
    for current in ("memory", "a", "b", "tuesday"):
        connection.execute(f"USE {current}")
        for name, price in (("a", 1.0), ("b", 2.0), ("monday", 2.0), ("tuesday", 2.0)):
            assert connection.execute(f"SELECT min(close) FROM {name}.bars").fetchall() == [(price,)]


def test_a_difference_of_two_stores_is_not_empty_by_mistake(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("USE a")
    with pytest.raises(duckdb.InvalidInputException, match=REFUSED):
        connection.execute("FROM a.resampled(['AAPL'], '1h') EXCEPT FROM b.resampled(['AAPL'], '1h')").fetchall()


def test_a_copied_folder_is_another_store(connection: duckdb.DuckDBPyConnection, stores: dict[str, str]) -> None:
    original = next(one for one in Path(stores["b"]).parents if one.name == "b")
    copied = shutil.copytree(original, original.with_name("copied"), symlinks=True)
    Repository.rebuild_at(copied)
    connection.execute(f"ATTACH '{copied}/market.duckdb' AS copied (READ_ONLY); USE copied")
    assert connection.execute("SELECT min(close) FROM resampled(['AAPL'], '1h')").fetchall() == [(2.0,)]
    with pytest.raises(duckdb.InvalidInputException, match=REFUSED):
        connection.execute("FROM b.resampled(['AAPL'], '1h')").fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_older_clients_refuse_as_well(stores: dict[str, str], tmp_path: Path, version: str) -> None:
    examples = [(one.name, _EXAMPLE.findall(one.text)[0]) for one in MACROS]
    given = {
        "attach": {name: stores[name] for name in ("a", "b")},
        "first": ["USE a"],
        "run": [of("b.main", example, name) for name, example in examples],
    }
    child = old_clients.client(RUNNER, version, tmp_path, json.dumps(given))
    answers = json.loads(child.communicate(timeout=120)[0])
    assert [REFUSED in str(answer) for answer in answers] == [True] * len(examples), answers


@pytest.mark.slow
def test_dbt_makes_tables_of_macros(stores: dict[str, str], tmp_path: Path) -> None:
    """With the profile that the documents show; later versions of dbt download a parser from elsewhere."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "dbt"], check=True)
    programs = tmp_path / "dbt" / "bin"
    packages = ["dbt-core<1.11", "dbt-duckdb<1.11", f"duckdb=={duckdb.__version__}"]
    subprocess.run([programs / "pip", "install", "-q", *packages], check=True, capture_output=True)
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "models" / "hourly.sql").write_text("SELECT * FROM resampled(['AAPL', 'MSFT'], '1h')\n")
    (project / "dbt_project.yml").write_text(
        "{name: p, version: '1.0', profile: p, models: {p: {+materialized: table}}}\n"
    )
    output = {
        "type": "duckdb",
        "path": str(project / "own.duckdb"),
        "attach": [{"path": stores["b"], "alias": "m", "read_only": True}],
        "settings": {"search_path": "own.main,m.main,m.core"},
    }
    (project / "profiles.yml").write_text(json.dumps({"p": {"target": "dev", "outputs": {"dev": output}}}))
    command = [str(programs / "dbt"), "run", "--profiles-dir", str(project), "--project-dir", str(project)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    with duckdb.connect(project / "own.duckdb", read_only=True) as connection:
        found = connection.execute("SELECT ticker, min(close) FROM hourly GROUP BY ALL ORDER BY ALL").fetchall()
    assert [ticker for ticker, _ in found] == ["AAPL", "MSFT"]
    assert all(close >= 2.0 for _, close in found)
