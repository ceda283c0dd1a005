"""The commit log: one small parquet file per commit under `meta/log/`; the metadata tables are replayed from it.

Renaming a log file into place is the commit. From then on the store has the new state, and the next writer completes
what a crash interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mtstore.errors import StoreError, StoreFormatError
from mtstore.storage import checksum
from mtstore.storage.files.data_file import write_table

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT_VERSION = 1
_FOOTER_KEY = b"mtstore_log"
_HEADER_START = b'{"format_version": '


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One change of a metadata table.

    `op` is the word stored in the log: 'put' upserts `row`, 'put_columns' upserts many rows, whose values `row` lists
    by column, 'delete' deletes the row with that key, and 'forget' removes ranges from the coverage ledger.
    """

    op: Literal["put", "put_columns", "delete", "forget"]
    table: str
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CommitHeader:
    """Which commit a log entry or a database file records that it has."""

    snapshot: int
    store_id: str
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One commit; `snapshot` is the number of the snapshot that it makes, stored as `generation`."""

    snapshot: int
    store_id: str
    committed_at: datetime
    records: tuple[LogRecord, ...]


def upserts(table: str, rows: Iterable[Mapping[str, Any]]) -> list[LogRecord]:
    """Return the records that upsert `rows` into `table`."""
    return [LogRecord("put", table, row) for row in rows]


def upserted_columns(table: str, rows: pa.Table) -> LogRecord:
    """Return the record that upserts the rows of an Arrow table, which have different keys."""
    import pyarrow as pa

    # Text of dates and instants is made by Arrow: a call of `_encode` per value takes seconds for some 100,000 rows.
    texts = [column.cast(pa.string()) if pa.types.is_temporal(column.type) else column for column in rows.columns]
    columns = zip(rows.column_names, texts, strict=True)
    return LogRecord("put_columns", table, {name: column.to_pylist() for name, column in columns})


def write_entry(entry: LogEntry, folder: Path) -> Path:
    """Write a log file, read-only and durable, in the staging folder `folder`; return its path."""
    import pyarrow as pa

    header = {
        "format_version": FORMAT_VERSION,
        "generation": entry.snapshot,
        "store_id": entry.store_id,
        "committed_at": entry.committed_at,
    }
    table = pa.table(
        {
            "op": pa.array([record.op for record in entry.records], pa.string()),
            "table_name": pa.array([record.table for record in entry.records], pa.string()),
            "body": pa.array([json.dumps(record.row, default=_encode) for record in entry.records], pa.string()),
        }
    ).replace_schema_metadata({_FOOTER_KEY: json.dumps(header, default=_encode).encode()})
    path = folder / f"{entry.snapshot:06d}.parquet"
    write_table(table, path)
    return path


def _encode(value: Any) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"{value!r} has no time zone; a log record takes aware datetimes")
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{value!r}: a log record takes JSON values, dates and datetimes, got {type(value).__name__}")


def check_format(place: Path, found: int) -> None:
    """Raise StoreFormatError, unless `found` is the format that this version reads."""
    if found != FORMAT_VERSION:
        age = "a newer" if found > FORMAT_VERSION else "an older"
        raise StoreFormatError(
            f"{place}: format {found}, of {age} version of mtstore; this version reads format {FORMAT_VERSION}, and "
            "changed nothing"
        )


def read_header(path: Path) -> CommitHeader:
    """Read which commit a log file has, and none of its records; errors as in `read_entry`."""
    return _parse_header(path, _read(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _not_a_log(path, error) from error


def _not_a_log(path: Path, error: Exception) -> StoreError:
    return StoreError(f"{path}: not a commit log of mtstore ({type(error).__name__}: {error})")


def _parse_header(path: Path, content: bytes) -> CommitHeader:
    """Parse the header in a file's footer, where it is stored as text: opening a store loads no parquet reader."""
    try:
        text = content[content.rindex(_HEADER_START) :].decode("utf-8", "replace")
        header, _ = json.JSONDecoder().raw_decode(text)
        version, committed_at = header["format_version"], datetime.fromisoformat(header["committed_at"])
        found = CommitHeader(header["generation"], header["store_id"], committed_at)
    except (KeyError, ValueError) as error:
        raise _not_a_log(path, error) from error
    check_format(path, version)  # before the checksum, which another format may not have
    if checksum.has_checksum(content) and not checksum.checksum_matches(content):
        raise StoreError(f"{path}: a damaged commit log: its checksum does not match its content")
    return found


def read_entry(path: Path, table_name: str | None = None) -> LogEntry:
    """Read a log file, or only its records of the table `table_name`.

    Raises
    ------
    StoreError
        It cannot be read. StoreFormatError: it was written in another format.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = _read(path)
    header = _parse_header(path, content)
    try:
        filters = None if table_name is None else [("table_name", "=", table_name)]
        table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True, filters=filters)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise _not_a_log(path, error) from error
    rows = zip(*(table[name].to_pylist() for name in ("op", "table_name", "body")), strict=True)
    return LogEntry(
        snapshot=header.snapshot,
        store_id=header.store_id,
        committed_at=header.committed_at,
        records=tuple(LogRecord(op, name, json.loads(body)) for op, name, body in rows),
    )
