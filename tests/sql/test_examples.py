"""The example in the header of each published object runs as it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mtstore.cli.sql_reference import definitions
from mtstore.storage.views.view_texts import ViewInputs
from tests.sql.statements import walk

_EXAMPLE = re.compile(r"^-- Example: (.+);$", re.MULTILINE)
DEFINITIONS = list(definitions(ViewInputs(Path())))


@pytest.fixture(scope="module")
def connection(new_market: Callable[[], Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    market = new_market()
    for seed, ticker in enumerate(("AAPL", "MSFT", "SPY")):
        for day in ("2023-01-03", "2023-01-04", "2023-11-24"):
            market.add_bars(ticker, walk(f"{day}T14:30", 60, seed=seed, missing=0.1))
    with market.open() as connection:
        yield connection


@pytest.mark.parametrize("definition", DEFINITIONS, ids=[one.name for one in DEFINITIONS])
def test_the_example_of_an_object_runs(connection: duckdb.DuckDBPyConnection, definition: Any) -> None:
    (statement,) = _EXAMPLE.findall(definition.text)
    assert definition.name.removeprefix("core.") in statement
    if definition.name == "core.raise_problem":
        with pytest.raises(duckdb.InvalidInputException):
            connection.execute("SELECT core.raise_problem('a problem')").fetchall()
    rows = connection.execute(statement).fetchall()
    if definition.kind == "macro" and not definition.is_inner and "window_bars" not in statement:
        assert rows or definition.name in {"gaps", "outliers"}
