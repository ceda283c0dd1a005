"""DuckDB as one would first write it: PIVOT to wide, `time_bucket` to resample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.answers import Part, digest
from tests.benchmarks.contenders.aligned import FIELDS, Ask
from tests.benchmarks.worker import Job

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_SQL = Path(__file__).parent.parent / "sql"


def statement(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


def wide_outer(parameters: dict[str, Any]) -> Job:
    """PIVOT of all bars."""
    return _job(parameters, "pivot", _wide_digest)


def five_minutes(parameters: dict[str, Any]) -> Job:
    """`time_bucket` and `GROUP BY`."""
    return _job(parameters, "five_minutes", _long_digest)


def daily(parameters: dict[str, Any]) -> Job:
    """`GROUP BY` the local date, then PIVOT."""
    return _job(parameters, "daily", _wide_digest)


def _job(parameters: dict[str, Any], name: str, digest_of: Any) -> Job:
    import duckdb

    ask = Ask.of(parameters)
    connection = duckdb.connect()
    small = ask.warm_up()
    _run(connection, small, name)
    return Job(lambda: _run(connection, ask, name), digest_of)


def _run(connection: duckdb.DuckDBPyConnection, ask: Ask, name: str) -> pa.Table:
    first, last = ask.instants
    files = [str(path) for paths in ask.files().values() for path in paths]
    for key, value in {"files": files, "first_ts": first, "last_ts": last}.items():
        connection.execute(statement(f"set_{key}"), [value])
    return connection.sql(statement(name)).to_arrow_table()


def _long_digest(table: pa.Table) -> dict[str, Any]:
    import pyarrow as pa

    def parts() -> Iterator[Part]:
        whole = table.sort_by("ticker").combine_chunks()
        runs = pa.compute.run_end_encode(whole["ticker"].combine_chunks())
        start = 0
        for name, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            part = whole.slice(start, end - start)
            yield name, _stamps(part), {field: part[field].to_numpy() for field in FIELDS}
            start = end

    return digest(parts())


def _wide_digest(table: pa.Table) -> dict[str, Any]:
    def parts() -> Iterator[Part]:
        for name in dict.fromkeys(column.rpartition("_")[0] for column in table.column_names[1:]):
            yield name, _stamps(table), {field: table[f"{name}_{field}"].to_numpy() for field in FIELDS}

    return digest(parts(), table.num_rows)


def _stamps(table: pa.Table) -> Any:
    return table["ts_event"].cast("int64").to_numpy()
