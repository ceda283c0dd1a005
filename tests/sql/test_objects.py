"""The published objects as a whole: documented, immune to a caller's names, typed when empty, made when they differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from mtstore import sqlfiles
from mtstore.storage.views.create_views import comment_statements, create_views
from mtstore.storage.views.view_texts import ViewInputs, view_texts
from tests.sql.statements import QUERIES, fill_market

TABLE_MACROS = (
    "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table_macro' AND NOT internal"
)
PUBLISHED = {
    "views": {
        "aligned", "bars", "bars_local", "cache_index", "coverage", "dividends", "files", "ingest_runs", "quality",
        "quarantine", "revisions", "sessions", "splits", "tickers", "wide_close", "wide_volume",
    },
    "macros": {
        "aligned_ffill", "aligned_grid", "aligned_inner", "aligned_outer", "beta", "correlation", "gaps", "log_returns",
        "outliers", "quality", "ratio", "reconcile", "reconcile_sessions", "resampled", "returns", "rolling_volatility",
        "spread",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def filled(new_market: Callable[[], Any]) -> Any:
    market = new_market()
    fill_market(market)
    return market


@pytest.fixture(scope="module")
def connection(filled: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    with filled.open() as connection:
        yield connection


def test_every_view_and_its_columns_say_what_they_are(connection: duckdb.DuckDBPyConnection) -> None:
    views = connection.execute(
        "SELECT schema_name, view_name, comment FROM duckdb_views() WHERE database_name = 'market' AND NOT internal"
    ).fetchall()
    assert {name for schema, name, _ in views if schema == "main"} == PUBLISHED["views"]
    assert [name for _, name, comment in views if not comment] == []
    columns = connection.execute(
        "SELECT c.table_name, c.column_name, c.comment FROM duckdb_columns() AS c"
        " JOIN duckdb_views() AS v ON v.database_name = c.database_name AND v.schema_name = c.schema_name"
        " AND v.view_name = c.table_name WHERE c.database_name = 'market' AND NOT v.internal"
    ).fetchall()
    assert len(columns) > 200
    assert [(table, column) for table, column, comment in columns if not comment] == []


def test_every_macro_says_what_it_is(connection: duckdb.DuckDBPyConnection) -> None:
    macros = connection.execute(
        "SELECT schema_name, function_name, comment FROM duckdb_functions()"
        " WHERE database_name = 'market' AND function_type LIKE '%macro'"
    ).fetchall()
    assert {name for schema, name, _ in macros if schema == "main"} == PUBLISHED["macros"]
    assert [name for _, name, comment in macros if not comment] == []


def test_every_file_is_named_after_its_object() -> None:
    for name in sqlfiles.published_objects():
        folder, _, rest = name.partition("/")
        if folder != "parts":
            kind, path = ("VIEW" if folder == "views" else "MACRO"), rest.replace("/", ".")
            assert re.search(
                rf"^CREATE OR REPLACE {kind} {re.escape(path)}(?=[( ])",
                (sqlfiles.sql_root() / f"{name}.sql").read_text(),
                re.M,
            ), name
    files = [path for folder in ("views", "macros") for path in (sqlfiles.sql_root() / folder).rglob("*.sql")]
    listed = {sqlfiles.sql_root() / f"{name}.sql" for name in sqlfiles.published_objects() if "parts/" not in name}
    assert set(files) == listed


def test_every_macros_columns_are_the_ones_it_describes(connection: duckdb.DuckDBPyConnection) -> None:
    calls = {
        "gaps": "gaps(NULL, 5, from_source := 'polygon')",
        "outliers": "outliers(NULL, 3, from_source := 'polygon')",
        "quality": "quality(NULL, 5)",
        "correlation": "correlation(['AAA'], 'BBB')",
        "beta": "beta(['AAA'], 'BBB')",
        "spread": "spread('AAA', 'BBB')",
        "ratio": "ratio('AAA', 'BBB')",
        "reconcile": "reconcile(['AAA'], '1d', 'polygon', 'polygon')",
        "reconcile_sessions": "reconcile_sessions(['AAA'], '1d', 'polygon', 'polygon')",
    }
    for text in view_texts(ViewInputs(sqlfiles.sql_root())):
        head = text[: text.index("CREATE OR REPLACE")]
        name = text[len(head) :].split("(")[0].split()[-1]
        if name not in PUBLISHED["macros"] or "MACRO" not in text:
            continue
        described = [line[5:].split(":")[0] for line in head.splitlines() if line.startswith("--   ") and ": " in line]
        call = calls.get(name, f"{name}(['AAA'], '1d')")
        columns = [row[0] for row in connection.execute(f"DESCRIBE FROM {call}").fetchall()]
        assert [column for column in described if column in columns] == columns, name


def test_no_parameter_bears_the_name_of_a_column_of_its_macro(connection: duckdb.DuckDBPyConnection) -> None:
    macros = connection.execute(
        "SELECT function_name, parameters FROM duckdb_functions()"
        " WHERE database_name = 'market' AND schema_name = 'main' AND function_type = 'table_macro'"
    ).fetchall()
    columns = {"ticker", "ts_event", "ts_close", "session_date", "open", "high", "low", "close", "volume", "vwap"}
    columns |= {"transactions", "bar_count", "is_present", "age", "source", "schema", "year"}
    assert {name: set(parameters) & columns for name, parameters in macros if set(parameters) & columns} == {}


# An empty store knows no ticker, so only statements over all tickers can be asked; its calendars are not empty.
OVER_ALL_TICKERS = [
    statement
    for statement in QUERIES
    if ("(" not in statement or "(NULL" in statement) and "FROM sessions" not in statement
]


@pytest.mark.parametrize("statement", OVER_ALL_TICKERS)
def test_an_empty_store_answers_with_typed_columns_and_no_rows(new_market: Callable[[], Any], statement: str) -> None:
    with new_market().open() as empty:
        result = empty.execute(statement)
        assert result.fetchall() == []
        assert [column[0] for column in result.description] != []


def test_a_callers_own_names_capture_nothing(filled: Any) -> None:
    statements = [
        "FROM resampled(['AAA', 'BBB'], '5min')",
        "FROM aligned_ffill(['AAA', 'BBB'], '5min')",
        "FROM gaps(['AAA'], 1)",
        "FROM quality(['AAA'], 1)",
        "FROM bars_local ORDER BY ticker, source, schema, ts_event",
    ]
    with filled.open() as connection:
        before = [connection.execute(statement).fetchall() for statement in statements]
        for name in ("bars", "files", "sessions", "series", "chosen", "buckets", "labels", "session_days", "problems"):
            connection.execute(f"CREATE TEMP TABLE {name} AS SELECT 'mine' AS ticker, 1 AS ts_event")
        connection.execute("CREATE TEMP VIEW bars_ohlcv_1m AS SELECT 'mine' AS ticker")
        connection.execute("CREATE TEMP VIEW ticker_list AS SELECT 'mine' AS ticker")
        after = [connection.execute(statement).fetchall() for statement in statements]
        with_cte = [
            connection.execute(
                "WITH bars AS (SELECT 1 AS x), files AS (SELECT 2 AS y), sessions AS (SELECT 3 AS z),"
                f" present AS (SELECT 4 AS w) {statement}"
            ).fetchall()
            for statement in statements
        ]
    assert before == after
    assert before == with_cte


def test_an_object_is_made_again_only_if_its_text_differs(filled: Any, tmp_path: Any) -> None:
    path = tmp_path / "copy.duckdb"
    path.write_bytes(filled.publish().read_bytes())
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{path}' AS market; USE market")
    digests = "SELECT object, digest FROM core.object_digests ORDER BY object"
    oids = "SELECT function_name, function_oid FROM duckdb_functions() WHERE database_name = 'market' ORDER BY ALL"
    before, made = connection.execute(digests).fetchall(), connection.execute(oids).fetchall()
    create_views(connection, filled.root)
    assert connection.execute(digests).fetchall() == before
    assert connection.execute(oids).fetchall() == made
    create_views(connection, filled.root, settings={"alignment.timezone": "Europe/London"})
    changed = [row[0] for row, old in zip(connection.execute(digests).fetchall(), before, strict=True) if row != old]
    assert any("resampled" in name for name in changed)
    assert not any("core.step_us" in name for name in changed)
    ((zone,),) = connection.execute(
        "SELECT session_date FROM resampled(['X:BTCUSD'], '1d', anchor := 'midnight') LIMIT 1"
    ).fetchall()
    assert zone is not None
    connection.close()


def test_the_configured_universe_and_its_odd_names_become_quoted_columns(market: Any) -> None:
    bars = [
        ("2023-06-01T13:30", 1.0, 2.0, 0.5, 1.5, 10.0, 1.2, 3),
        ("2023-06-01T13:31", 2.0, 3.0, 1.5, 2.5, 20.0, 2.2, 4),
    ]
    names = ["O'X\"Y", "BTC/USD", "TRUE", "001", "1E5"]
    for position, name in enumerate(names):
        market.add_bars(name, bars[: 2 - position % 2])
        market.configure(name, universe_position=position, calendar="XNYS")
    market.settings = {"alignment.method": "forward_fill", "alignment.resampling": "1min"}
    with market.open() as connection:
        aligned = connection.execute("FROM aligned")
        columns = [column[0] for column in aligned.description]
        rows = aligned.fetchall()
        closes = connection.execute("FROM wide_close").fetchall()
        volumes = connection.execute("FROM wide_volume").fetchall()
        stored = connection.execute("SELECT DISTINCT ticker FROM bars ORDER BY ticker").fetchall()
    fields = ("open", "high", "low", "close", "volume", "vwap", "transactions")
    assert columns == ["ts_event", *(f"{name}_{column}" for name in names for column in fields)]
    assert [row[1:] for row in closes] == [(1.5,) * 5, (2.5, 1.5, 2.5, 1.5, 2.5)]
    assert [row[1:] for row in volumes] == [(10.0,) * 5, (20.0, 0.0, 20.0, 0.0, 20.0)]
    assert len(rows) == 2
    assert stored == [(name,) for name in sorted(names)]


def test_wide_view_of_too_many_tickers_names_alternatives(market: Any) -> None:
    for position in range(101):
        market.configure(f"T{position:03d}", universe_position=position)
    with market.open() as connection:
        with pytest.raises(duckdb.Error, match="aligned shows at most 100 tickers, the configured universe has 101"):
            connection.execute("FROM aligned").fetchall()
        assert connection.execute("FROM wide_close").fetchall() == []


def test_a_header_becomes_the_comments_of_its_object() -> None:
    text = sqlfiles.Sql(
        '-- v: it\'s a view.\n--\n-- Columns:\n--   a: First\n--   "b""c": Second\n\n'
        "CREATE OR REPLACE VIEW v AS SELECT 1"
    )
    statements = list(comment_statements(text))
    assert len(statements) == 3
    assert "COMMENT ON VIEW v IS 'v: it''s a view.\n'" in statements[0]
    assert "COMMENT ON COLUMN v.\"a\" IS 'First'" in statements[1]
    assert 'COMMENT ON COLUMN v."b""c" IS \'Second\'' in statements[2]
