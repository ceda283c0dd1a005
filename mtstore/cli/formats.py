"""Write results as table, CSV, JSON or parquet, streamed to stdout or a file that appears when complete."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from mtstore.arguments import first_few
from mtstore.cli import format_cells as cells
from mtstore.cli.console import count, echo
from mtstore.cli.fit_table import TextTable
from mtstore.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS: Final = ("table", "csv", "json", "parquet")
ROWS_OF_A_TABLE: Final = 40

_SIMPLE_NAME: Final = re.compile(r"[\w.:/-]+\Z")
_BY_SUFFIX: Final = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".pq": "parquet", ".txt": "table"}


def choose_format(requested: str | None, output: Path | None) -> str:
    """Return the requested format, else the one of the file's suffix, else `table`.

    InputError: the suffix is unknown, or the file would be inside a store.
    """
    if output is not None:
        _check_place(output)
    if requested is not None:
        return requested
    if output is None:
        return "table"
    found = _BY_SUFFIX.get(output.suffix.lower())
    if found is None:
        raise InputError(f"-o {output}: the suffix does not determine the format; give --format {'|'.join(FORMATS)}")
    return found


def _check_place(output: Path) -> None:
    from mtstore.storage.layout import Layout

    for folder in output.resolve().parents:
        if Layout(folder).is_store():
            raise InputError(f"-o {output}: it would be inside the store {folder}; choose a path outside of it")


def write_result(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], kind: str, output: Path | None, *, table_rows: int | None
) -> int:
    """Write a result and return the number of rows read.

    `table_rows` shortens a table; None shows all rows. A note on stderr says that rows were omitted.
    """
    writers: dict[str, Any] = {"csv": _write_csv, "json": _write_json, "parquet": _write_parquet}
    if kind == "parquet" and output is None and sys.stdout.isatty():
        raise InputError("parquet is not for a terminal; give -o FILE, or redirect stdout")
    with _opened(output) as stream:
        if kind == "table":
            return _write_table(schema, batches, stream, table_rows)
        written: int = writers[kind](schema, batches, stream)
        return written


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    """Yield stdout, or a file that gets its name when it is complete."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            yield stream
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _write_csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch], stream: IO[bytes]) -> int:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    header = "none" if all(_SIMPLE_NAME.match(name) for name in schema.names) else "needed"
    options = pa_csv.WriteOptions(quoting_style="needed", quoting_header=header)
    empty = pa.RecordBatch.from_pylist([], schema)
    writer = None
    rows = 0
    for batch in chain([empty], batches):
        plain = pa.RecordBatch.from_arrays(
            [cells.to_csv_column(column) for column in batch.columns], batch.schema.names
        )
        if writer is None:
            writer = pa_csv.CSVWriter(stream, plain.schema, write_options=options)
        writer.write(plain)
        rows += batch.num_rows
    if writer is not None:
        writer.close()
    return rows


def _write_json(schema: pa.Schema, batches: Iterable[pa.RecordBatch], stream: IO[bytes]) -> int:
    """Write an array of objects, one a line."""
    rows, names = 0, _distinct(schema.names)
    stream.write(b"[")
    for batch in batches:
        columns = [cells.to_json_values(column) for column in batch.columns]
        for values in zip(*columns, strict=True):
            text = json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False, allow_nan=False)
            stream.write((",\n" if rows else "\n").encode() + text.encode("utf-8", "surrogatepass"))
            rows += 1
    stream.write(b"\n]\n")
    return rows


def _write_parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch], stream: IO[bytes]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from mtstore.query.request.durations import durations_schema, month_columns, with_durations

    rows = 0
    with pq.ParquetWriter(stream, durations_schema(schema), compression="zstd") as writer:
        for batch in batches:
            table = with_durations(pa.Table.from_batches([batch], schema))
            for name in month_columns(table):
                raise InputError(
                    f"column {name!r} counts months, for which parquet has no type; CAST({name} AS VARCHAR)"
                )
            writer.write_table(table)
            rows += batch.num_rows
    return rows


def _distinct(names: Sequence[str]) -> list[str]:
    """Return column names as keys of an object: repeated ones get a number, as in DuckDB."""
    keys: dict[str, None] = {}
    for name in names:
        key, number = name, 1
        while key in keys:
            key, number = f"{name}_{number}", number + 1
        keys[key] = None
    return list(keys)


def _write_table(schema: pa.Schema, batches: Iterable[pa.RecordBatch], stream: IO[bytes], limit: int | None) -> int:
    columns: list[list[str]] = [[] for _ in schema.names]
    rows = 0
    for batch in batches:
        shown = batch if limit is None else batch.slice(0, max(limit - rows, 0))
        for cell_list, column in zip(columns, shown.columns, strict=True):
            cell_list.extend(cells.to_table_cells(column))
        rows += batch.num_rows
        if limit is not None and rows > limit:
            break
    whole = TextTable(schema.names, columns, [cells.is_numeric(kind) for kind in schema.types])
    table = whole.fitted(width) if (width := _terminal_width(stream)) else whole
    for line in table.lines():
        stream.write(f"{line}\n".encode("utf-8", "replace"))
    if table is not whole:
        left_out = first_few(whole.names[len(table.names) :]) or "nothing, but longer texts end in …"
        echo(
            f"{len(table.names)} of {count(len(whole.names), 'column')} fitted to {width} characters; "
            f"left out: {left_out}; --format csv or -o FILE writes all as data"
        )
    if limit is not None and rows > limit:
        echo(f"the first {count(limit, 'row')}; --rows 0 shows all; --format csv or -o FILE writes all as data")
    return rows


def _terminal_width(stream: IO[bytes]) -> int | None:
    """Return the characters of a terminal's line; None where the stream is not a terminal."""
    return shutil.get_terminal_size().columns if stream.isatty() else None
