"""A wrong argument is an error that names the parameter, the value and the choices, even where no row would match."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from tests.sql.statements import BAD_ARGUMENTS, fill_market


@pytest.fixture(scope="module")
def connection(new_market: Callable[[], Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    market = new_market()
    fill_market(market)
    with market.open() as connection:
        yield connection


@pytest.fixture(scope="module")
def empty_connection(new_market: Callable[[], Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    with new_market().open() as connection:
        yield connection


@pytest.mark.parametrize(("statement", "message"), BAD_ARGUMENTS)
def test_wrong_argument_raises_its_message(connection: duckdb.DuckDBPyConnection, statement: str, message: str) -> None:
    with pytest.raises(duckdb.Error) as caught:
        connection.execute(statement).fetchall()
    assert message in str(caught.value)


@pytest.mark.sampled(10)
@pytest.mark.parametrize(
    ("statement", "message"), [pair for pair in BAD_ARGUMENTS if "stored" not in pair[1] and "did you" not in pair[1]]
)
def test_wrong_argument_raises_in_empty_store(
    empty_connection: duckdb.DuckDBPyConnection, statement: str, message: str
) -> None:
    with pytest.raises(duckdb.Error) as caught:
        empty_connection.execute(statement.replace("['AAA']", "NULL")).fetchall()
    assert message in str(caught.value) or "unknown ticker" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("around", ["SELECT count(*) FROM ({})", "SELECT * FROM ({}) WHERE {} = 'BBB'"])
@pytest.mark.parametrize(("statement", "message"), BAD_ARGUMENTS)
def test_wrong_argument_raises_under_outer_filter(
    connection: duckdb.DuckDBPyConnection, statement: str, message: str, around: str
) -> None:
    column = "ticker_a" if "spread(" in statement or "ratio(" in statement else "ticker"
    with pytest.raises(duckdb.Error) as caught:
        connection.execute(around.format(statement, column)).fetchall()
    assert message in str(caught.value)


def test_an_empty_range_of_a_known_ticker_is_no_error(connection: duckdb.DuckDBPyConnection) -> None:
    statement = "FROM aligned_outer(['AAA'], '5min', start_ts := DATE '1999-01-04', end_ts := DATE '1999-01-08')"
    assert connection.execute(statement).fetchall() == []


@pytest.mark.parametrize("bound", ["2023-06-01 09:33", "2023-06-01T09:33:00-04:00", "2023-06-01T13:33Z"])
def test_a_bound_as_text_is_wall_time_unless_it_has_an_offset(
    connection: duckdb.DuckDBPyConnection, bound: str
) -> None:
    statement = "SELECT min(epoch_us(ts_event)) FROM resampled(['BBB'], '1min', start_ts := $bound)"
    assert connection.execute(statement, {"bound": bound}).fetchone() == (1_685_626_380_000_000,)


@pytest.mark.parametrize("call", ["resampled({}, '5min')", "aligned_grid({}, '1h')", "gaps({}, 1)", "beta({}, 'BBB')"])
def test_one_ticker_may_be_text(connection: duckdb.DuckDBPyConnection, call: str) -> None:
    rows = connection.execute("FROM " + call.format("'AAA'")).fetchall()
    assert rows
    assert rows == connection.execute("FROM " + call.format("['AAA']")).fetchall()


@pytest.mark.parametrize(
    "call",
    [
        *(f"{name}(['AAA'], '1d'" for name in ("resampled", "returns", "log_returns", "rolling_volatility")),
        *(f"aligned_{name}(['AAA'], '1d'" for name in ("outer", "inner", "ffill", "grid")),
        *("gaps(NULL, 1", "outliers(NULL, 3", "quality(NULL, 5"),
        *("correlation(['AAA'], 'BBB'", "beta(['AAA'], 'BBB'", "spread('AAA', 'BBB'", "ratio('AAA', 'BBB'"),
    ],
)
def test_no_filter_on_a_column_hides_a_wrong_argument(connection: duckdb.DuckDBPyConnection, call: str) -> None:
    columns = [row[0] for row in connection.execute(f"DESCRIBE FROM {call})").fetchall()]
    filters = " AND ".join(f'"{column}" IS NOT NULL' for column in columns)
    with pytest.raises(duckdb.Error, match="tz: NULL"):
        connection.execute(f"SELECT count(*) FROM {call}, tz := NULL) WHERE {filters}").fetchall()
