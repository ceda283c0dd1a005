"""What `Store.sql` and `mtstore query` let run: everything an analyst asks, and nothing that writes or looks around."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

import mtstore
from mtstore.arguments import size_bytes
from mtstore.errors import InputError, MemoryLimitError, MtstoreError, QueryError
from mtstore.storage.layout import Layout

pytestmark = pytest.mark.security

CANARY = "canary-4711"
# Sixty bars to the power of ten: DuckDB goes through a billion in a fifth of a second.
MANY_BARS = ", ".join(f"bars AS t{n}" for n in range(10))
NESTED = "WITH x AS (COPY (SELECT 1 AS a) TO '{inside}/new.csv') FROM x"

# Each must be refused, or must have changed and shown nothing; {inside} is a folder of the store that may be read,
# {file} a data file of it, {outside} a folder that may not.
ESCAPES = [
    # files beyond the store
    "FROM read_csv('{outside}/secret.csv')",
    "FROM read_csv_auto('{outside}/secret.csv')",
    "FROM read_json('{outside}/secret.json')",
    "FROM read_text('{outside}/secret.csv')",
    "FROM read_blob('{outside}/secret.csv')",
    "FROM '{outside}/secret.csv'",
    "FROM '{outside}/*.csv'",
    'FROM "{outside}/secret.json"',
    "FROM query_table('{outside}/secret.csv')",
    "FROM read_text('{inside}/../../outside/secret.csv')",
    "FROM read_text('{inside}-/../../outside/secret.csv')",
    "FROM glob('{outside}/*')",
    "FROM glob('{inside}/../../outside/*')",
    "FROM sniff_csv('{outside}/secret.csv')",
    "FROM parquet_metadata('{outside}/secret.csv')",
    "DESCRIBE '{outside}/secret.csv'",
    "SUMMARIZE '{outside}/secret.csv'",
    "SUMMARIZE FROM read_csv('{outside}/secret.csv')",
    "EXPLAIN ANALYZE FROM read_csv('{outside}/secret.csv')",
    "SELECT (SELECT content FROM read_text('{outside}/secret.csv'))",
    "PIVOT read_csv('{outside}/secret.csv') ON word USING count(*)",
    "FROM read_text('file://{outside}/secret.csv')",
    "FROM 'https://127.0.0.1:1/x.csv'",
    "FROM read_parquet('s3://bucket/x.parquet')",
    "FROM read_duckdb('{outside}/x.duckdb')",
    "FROM sqlite_scan('{outside}/x.db', 't')",
    "SELECT getenv('HOME')",
    "FROM duckdb_secrets()",
    # writing
    "COPY (SELECT 1 AS a) TO '{outside}/new.csv'",
    "COPY (SELECT 1 AS a) TO '{inside}/new.parquet'",
    "COPY (SELECT 1 AS a) TO '{file}' (FORMAT parquet)",
    "COPY (SELECT 1 AS a) TO '{file}' (FORMAT parquet, USE_TMP_FILE false)",
    "COPY bars TO '{inside}/new' (FORMAT parquet, PARTITION_BY (ticker))",
    "COPY (PIVOT bars ON ticker USING count(*)) TO '{inside}/new.csv'",
    "EXPLAIN COPY (SELECT 1 AS a) TO '{inside}/new.csv'",
    "EXPLAIN ANALYZE COPY (SELECT 1 AS a) TO '{inside}/new.csv'",
    "EXPLAIN (ANALYZE) COPY (SELECT 1 AS a) TO '{inside}/new.csv'",
    "/* SELECT */ EXPLAIN /* x */ ANALYZE -- SELECT 1\n COPY (SELECT 1 AS a) TO '{inside}/new.csv'",
    "EXPLAIN ANALYZE (FORMAT json) COPY (SELECT 1 AS a) TO '{inside}/new.csv'",
    NESTED,
    f"EXPLAIN ANALYZE {NESTED}",
    f"SUMMARIZE {NESTED}",
    f"DESCRIBE {NESTED}",
    f"FROM ({NESTED})",
    f"SELECT (SELECT max(a) FROM ({NESTED}))",
    f"SELECT 1 UNION ALL (SELECT a FROM ({NESTED}))",
    "WITH x AS MATERIALIZED (COPY (SELECT 1) TO '{inside}/new.csv') VALUES (1)",
    "WITH x AS (COPY (SELECT 1) TO '{inside}/new.csv') PIVOT bars ON ticker USING count(*)",
    "WITH x AS (INSERT INTO core.files SELECT * FROM core.files RETURNING *) FROM x",
    "WITH x AS (DELETE FROM core.files RETURNING *) FROM x",
    "WITH x AS (UPDATE core.files SET path = '' RETURNING *) FROM x",
    "SELECT * FROM query('WITH x AS (COPY (SELECT 1) TO ''{inside}/new.csv'') FROM x')",
    "SELECT * FROM system.main.\"QUERY\"('WITH x AS (CO' || 'PY (SELECT 1) TO ''{inside}/new.csv'') FROM x')",
    "FROM query/**/('SELECT 1')",
    "PIVOT query('SELECT 1 AS a') ON a USING count(*)",
    "FROM json_execute_serialized_sql(json_serialize_sql('WITH x AS (COPY (SELECT 1) TO ''{inside}/n'') FROM x'))",
    "EXPORT DATABASE '{inside}/new'",
    "IMPORT DATABASE '{inside}/new'",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE TABLE memory.x AS PIVOT bars ON ticker USING count(*)",
    "CREATE OR REPLACE VIEW bars AS SELECT 1",
    "CREATE MACRO f(x) AS x",
    "CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "INSERT INTO core.files SELECT * FROM core.files",
    "UPDATE core.files SET path = ''",
    "DELETE FROM core.files",
    "TRUNCATE core.files",
    "MERGE INTO core.files USING core.files AS f ON TRUE WHEN MATCHED THEN DELETE",
    "DROP TABLE core.files",
    "ALTER TABLE core.files RENAME TO x",
    "COMMENT ON VIEW bars IS 'x'",
    # the instance
    "ATTACH '{inside}/new.duckdb'",
    "ATTACH '{outside}/new.duckdb' AS x",
    "ATTACH ':memory:' AS x",
    "DETACH memory",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{outside}/x.duckdb_extension'",
    "UPDATE EXTENSIONS",
    "SET TimeZone = 'Asia/Tokyo'",
    "SET GLOBAL memory_limit = '1TB'",
    "SET enable_external_access = TRUE",
    "SET allowed_directories = ['/']",
    "SET VARIABLE x = 1",
    "RESET TimeZone",
    "PRAGMA enable_profiling",
    "PRAGMA memory_limit = '1TB'",
    "PRAGMA table_info('bars')",
    "CALL enable_logging('QueryLog', storage := 'file', storage_config := {{'path': '{inside}/log'}})",
    "FROM enable_logging('QueryLog', storage := 'file', storage_config := {{'path': '{inside}/log'}})",
    "FROM enable_profiling(format := 'json', save_location := '{inside}/profile.json')",
    "FROM arrow_scan(1, 2, 3)",
    "FROM pandas_scan(1)",
    "FROM checkpoint()",
    "FROM force_checkpoint('memory')",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "BEGIN",
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "KILL 1",
    # more than one
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{inside}/new.csv'",
    "COPY (SELECT 1) TO '{inside}/new.csv'; SELECT 1",
    "SELECT 1;\n-- \nDROP VIEW bars",
    "",
    "-- nothing",
    "SELECT 1\0; DROP VIEW bars",
    "SELECT '\ud800'",
]

WORKS = [
    "SELECT ticker, count(*) AS bars FROM bars GROUP BY ALL ORDER BY ALL",
    "FROM bars WHERE ticker = 'AAA' AND year = 2024 ORDER BY ts_event LIMIT 5;",
    "-- a question\nSELECT 1 /* of mine */; -- end",
    "WITH a AS (FROM bars), b AS (SELECT max(close) AS top FROM a) SELECT top FROM b",
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) FROM n",
    "SELECT close / lag(close) OVER w - 1 AS r FROM bars WINDOW w AS (PARTITION BY ticker ORDER BY ts_event)",
    "SELECT * FROM bars QUALIFY row_number() OVER (PARTITION BY ticker ORDER BY ts_event DESC) = 1",
    "SELECT a.close - b.close AS d FROM bars AS a ASOF JOIN bars AS b ON a.ts_event >= b.ts_event AND b.ticker = 'BBB'",
    "PIVOT bars ON ticker USING last(close) GROUP BY ts_event",
    "PIVOT bars ON ticker IN ('AAA', 'BBB') USING last(close) GROUP BY ts_event",
    "WITH p AS (PIVOT bars ON ticker USING count(*) GROUP BY year) FROM p",
    "FROM (PIVOT bars ON ticker USING count(*) GROUP BY year)",
    "UNPIVOT (SELECT open, high FROM bars) ON open, high",
    "VALUES (1, 'a'), (2, 'b')",
    "TABLE tickers",
    "DESCRIBE bars",
    "DESCRIBE SELECT close FROM bars",
    "SELECT column_name FROM (DESCRIBE bars)",
    "SUMMARIZE bars",
    "SUMMARIZE SELECT close FROM bars",
    "SHOW TABLES",
    "SHOW ALL TABLES",
    "SHOW bars",
    "EXPLAIN SELECT * FROM bars",
    "EXPLAIN (SELECT 1)",
    "EXPLAIN (FORMAT json) SELECT * FROM bars",
    "EXPLAIN ANALYZE SELECT count(*) FROM bars",
    "explain analyse FROM bars",
    "EXPLAIN PIVOT bars ON ticker USING count(*)",
    "FROM resampled(['AAA'], INTERVAL 5 MINUTE)",
    "FROM resampled(['AAA'], INTERVAL 5 MINUTE, start_ts := DATE '2024-01-02', session := 'regular')",
    "FROM aligned_outer(['AAA', 'BBB'], INTERVAL 5 MINUTE)",
    "FROM aligned_ffill(NULL, INTERVAL 5 MINUTE, fill_volume := 'zero')",
    "FROM gaps(['AAA'], 5)",
    "FROM files",
    "FROM coverage",
    "FROM core.series",
    "SELECT * FROM duckdb_columns() WHERE table_name = 'bars'",
    "SELECT comment FROM duckdb_views() WHERE view_name = 'bars'",
    "FROM information_schema.tables",
    "SELECT * FROM range(10), unnest(['a', 'b']) AS u(v)",
    "SELECT range AS at FROM range(TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-02', INTERVAL 1 HOUR)",
    "FROM generate_series(1, 5)",
    "FROM query_table('bars')",
    "SELECT num_rows FROM parquet_file_metadata('{file}')",
    "SELECT count(*) FROM read_parquet('{file}')",
    "SELECT 'COPY (SELECT 1) TO ''x''' AS text, 'query' AS \"update\"",
    'SELECT 1 AS copy, 2 AS "insert"',
    "SELECT list_transform([1, 2], lambda x: x + 1) AS l, {{'a': 1}}.a AS s, map {{'k': 1}} AS m",
    "SELECT * FROM bars USING SAMPLE 10 ROWS",
    "SELECT columns('^(open|close)$') FROM bars",
    "SELECT current_setting('TimeZone') AS tz",
    "(SELECT 1 AS a) UNION ALL (SELECT 2)",
    "SELECT CASE WHEN EXISTS (FROM bars) THEN (SELECT max(close) FROM bars) END AS top",
]


def spelled(statement: str, place: Path) -> str:
    store = place / "store"
    file = next(iter(sorted((store / "data").rglob("*.parquet"))))
    return statement.format(inside=store / "data", file=file, outside=place / "outside")


@pytest.mark.parametrize("statement", ESCAPES)
def test_escape_raises_and_leaves_no_trace(market, place, tree, statement):
    before = tree()
    with pytest.raises(QueryError) as refusal:
        market.sql(spelled(statement, place)).to_arrow()
    assert CANARY not in str(refusal.value)
    assert tree() == before


@pytest.mark.parametrize("statement", WORKS)
def test_statement_of_an_analyst_runs(market, place, statement):
    table = market.sql(spelled(statement, place)).to_arrow()
    assert table.num_columns > 0


def test_the_refusal_names_the_kind_and_what_is_allowed(market):
    with pytest.raises(QueryError, match=r"COPY is not allowed; use one statement that reads: SELECT, WITH, FROM"):
        market.sql("COPY bars TO 'x.csv'").to_arrow()
    with pytest.raises(QueryError, match=r"COPY is not allowed inside a query"):
        market.sql(NESTED).to_arrow()
    with pytest.raises(QueryError, match=r"query\(\) is not allowed"):
        market.sql("FROM query('SELECT 1')").to_arrow()
    with pytest.raises(QueryError, match="2 statements were given; one is allowed"):
        market.sql("SELECT 1; SELECT 2").to_arrow()
    with pytest.raises(QueryError, match=r'syntax error at or near "bars" \(line 2, character 6\)'):
        market.sql("SELECT *\nFORM bars").to_arrow()


def test_nothing_runs_before_the_statement_has_passed(market, place, tree):
    before = tree()
    result = market.sql(spelled("COPY (SELECT 1) TO '{inside}/new.csv'", place))
    assert "COPY" in repr(result)
    for read in (result.to_arrow, result.to_pandas, result.to_polars, result.to_numpy, result.fetchall):
        with pytest.raises(QueryError):
            read()
    assert tree() == before


def test_parameters_are_values_and_never_sql(market):
    hostile = "x'; DROP VIEW bars; --"
    assert market.sql("SELECT $a AS a, $b AS b", {"a": hostile, "b": 2}).fetchall() == [(hostile, 2)]
    assert market.sql("SELECT ? AS a", [hostile]).fetchall() == [(hostile,)]
    assert market.sql("SELECT count(*) FROM bars WHERE ticker = ?", [hostile]).fetchall() == [(0,)]
    assert market.sql("SELECT count(*) FROM resampled([$t], INTERVAL 5 MINUTE)", {"t": "AAA"}).fetchall() == [(6,)]


def test_a_name_of_pythons_is_no_table(market):
    frame = pa.table({"a": [1]})
    with pytest.raises(QueryError, match="frame"):
        market.sql("FROM frame").to_arrow()
    assert frame.num_rows == 1


def test_the_instance_is_locked_even_where_the_gate_is_passed_by(market, place):
    import duckdb

    refused = [
        "SET TimeZone = 'Asia/Tokyo'",
        "SET enable_external_access = TRUE",
        "COPY (SELECT 1) TO '{outside}/new.csv'",
        "ATTACH '{outside}/new.duckdb'",
        "LOAD httpfs",
        "FROM read_text('{outside}/secret.csv')",
        "FROM enable_logging('QueryLog', storage := 'file', storage_config := {{'path': '{inside}/log'}})",
        "CREATE TABLE x AS SELECT 1",
    ]
    for statement in refused:
        with market.repository.sandboxed_connection() as connection, pytest.raises(duckdb.Error):
            connection.execute(spelled(statement, place))


def test_the_stores_own_connection_is_not_confined(market, tmp_path):
    with market.repository.connection() as connection:
        connection.register("mine", pa.table({"a": [1, 2]}))
        connection.execute("CREATE TEMP TABLE t AS FROM mine")
        connection.execute(f"COPY t TO '{tmp_path / 'out.csv'}'")
    assert (tmp_path / "out.csv").exists()
    assert market.sql("SELECT count(*) FROM bars").fetchall() == [(60,)]


def test_queries_follow_snapshots_and_new_generations(tmp_path):
    from tests.kits.stores import answer, minutes, write

    with mtstore.open(tmp_path / "store", create=True) as store:
        write(store, answer("A", {0: 1.0}, minutes(0, 5)))
        count = store.sql("SELECT count(*) FROM bars")
        assert count.fetchall() == [(1,)]
        with store.snapshot():
            write(store, answer("B", {0: 1.0}, minutes(0, 5)))
            assert count.fetchall() == [(1,)]
        assert count.fetchall() == [(2,)]
        assert store.sql("SELECT count(*) FROM bars", memory_limit="200MB").fetchall() == [(2,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT sum(a.range * b.range) FROM range(1000000000) AS a, range(1000000) AS b",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        f"SELECT count(*) FROM {MANY_BARS} WHERE t0.close + t9.close >= 0",
    ],
)
def test_a_statement_is_stopped_when_its_time_is_over(market, statement):
    began = time.monotonic()
    with pytest.raises(QueryError, match=r"longer than 0\.3 s"):
        market.sql(statement, timeout_seconds=0.3).to_arrow()
    assert time.monotonic() - began < 5
    assert market.sql("SELECT 1 AS a", timeout_seconds=30).fetchall() == [(1,)]


@pytest.mark.parametrize(
    "statement", ["SELECT list(range) FROM range(100000000)", "SELECT range AS a, range + 1 AS b FROM range(20000000)"]
)
def test_memory_is_bounded_for_the_work_and_for_the_answer(market, statement):
    for read in ("to_arrow", "fetchall"):
        with pytest.raises(MemoryLimitError):
            getattr(market.sql(statement, memory_limit="100MB", timeout_seconds=60), read)()


def test_what_does_not_fit_into_memory_spills_into_the_store(market, place):
    rows = market.sql(
        "SELECT count(*) FROM (SELECT DISTINCT range, range::VARCHAR || 'xxxxxxxxxxxxxxxxxxxxxx' FROM range(2000000))",
        memory_limit="60MB",
    ).fetchall()
    assert rows == [(2_000_000,)]
    assert {path.name for path in place.iterdir()} == {"outside", "store"}


@pytest.mark.parametrize(
    "bounds",
    [{"timeout_seconds": 0}, {"timeout_seconds": -1}, {"timeout_seconds": float("nan")}, {"timeout_seconds": 1e30}],
)
def test_a_time_that_is_none_is_refused(market, bounds):
    with pytest.raises(InputError):
        market.sql("SELECT 1", **bounds)


@pytest.mark.parametrize(
    "size", ["", "0MB", "-1GB", "2", "80%", "1 PB", "1GB; SET threads = 1", "'", "1e3MB", None, 0, -5, True]
)
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(InputError):
        size_bytes(size)


def test_sizes_are_powers_of_ten_or_of_two():
    assert (size_bytes("500MB"), size_bytes("1.5 gib"), size_bytes("10b")) == (500_000_000, 1_610_612_736, 10)


@pytest.mark.parametrize(
    "statement",
    [
        "WITH a AS (" * 30,
        "SELECT " + "(" * 5_000,
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "FROM (" * 3_000 + "SELECT 1" + ")" * 3_000,
        "SELECT " + "f(" * 1_000,
        "/**/" * 5_000 + "EXPLAIN COPY x TO 'y'",
        "SELECT '" + "x" * 1_000_001 + "'",
        "'" * 99_999,
        "SELECT 1" + "::INT" * 5_000,
    ],
)
def test_a_statement_made_to_choke_the_parser_is_refused_soon(market, statement):
    began = time.monotonic()
    with pytest.raises(QueryError):
        market.sql(statement).to_arrow()
    assert time.monotonic() - began < 10


def test_unsafe_lifts_the_gate_and_the_confinement(market, tmp_path):
    market.sql(f"COPY (SELECT 1 AS a) TO '{tmp_path / 'out.csv'}'", unsafe=True).fetchall()
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").split() == ["a", "1"]
    with pytest.raises(InputError):
        market.sql("SELECT 1", unsafe=True, memory_limit="1GB")


def test_a_store_with_an_odd_path_is_confined_to_it(tmp_path):
    odd = tmp_path / "it's, [a] store"
    (tmp_path / "it's, [a] storekeeper").mkdir()
    (tmp_path / "it's, [a] storekeeper" / "x.csv").write_text("a\n1\n", encoding="utf-8")
    with mtstore.open(odd, create=True) as store:
        assert store.sql("SELECT count(*) FROM bars").fetchall() == [(0,)]
        for folder in ("it''s, [a] storekeeper", "it''s, [a] store/data/../../it''s, [a] storekeeper"):
            with pytest.raises(MtstoreError):
                store.sql(f"FROM read_csv('{tmp_path}/{folder}/x.csv')").to_arrow()
        assert Layout(odd).is_store()


def command_line(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from mtstore.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_line_is_confined_and_says_unsafe_aloud(place, tree):
    before = tree()
    store = place / "store"
    copy = spelled("COPY (SELECT 1 AS a) TO '{outside}/new.csv'", place)
    refused = command_line("query", store, copy)
    assert (refused.returncode, refused.stdout) == (9, "")
    assert "COPY is not allowed" in refused.stderr
    assert tree() == before
    lifted = command_line("query", store, copy, "--unsafe")
    assert lifted.returncode == 0
    assert "warning: --unsafe: the statement may read and write any file" in lifted.stderr
    (place / "outside" / "new.csv").unlink()
    assert tree() == before


def test_the_command_line_stops_in_time_even_where_duckdb_does_not(place):
    began = time.monotonic()
    ended = command_line("query", place / "store", "SELECT sum(range) FROM range(1000000000000)", "--timeout", "0.5")
    assert (ended.returncode, ended.stdout) == (9, "")
    assert "it took longer than 0.5 s" in ended.stderr
    assert time.monotonic() - began < 20


@pytest.mark.slow
def test_the_command_line_ends_when_one_value_takes_too_long(place):
    ended = command_line("query", place / "store", "SELECT length(repeat('x', 2000000000))", "--timeout", "0.5")
    assert ended.returncode == 9
    assert "this process ends" in ended.stderr


def test_the_command_line_bounds_memory(place):
    statement = "SELECT list(range) FROM range(100000000)"
    ended = command_line("query", place / "store", statement, "--memory-limit", "100MB")
    assert ended.returncode == 10
    assert "Out of Memory" in ended.stderr
    wrong = command_line("query", place / "store", "SELECT 1", "--memory-limit", "much")
    assert wrong.returncode == 2
    assert "'500MB' or '2GiB'" in wrong.stderr
