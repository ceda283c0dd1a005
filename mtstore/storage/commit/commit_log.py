"""The commit log: one small parquet file per commit under `meta/log/`, from which the metadata tables are folded.

A record puts a row into a metadata table, deletes rows from one, or cuts ranges out of the coverage ledger. Renaming a
log file into place is the commit: from then on the store has the new state, and whoever comes next finishes what the
dead process could not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from mtstore.errors import StoreError, StoreFormatError
from mtstore.storage import checksum
from mtstore.storage.files.data_file import write_plain

FORMAT_VERSION = 1
_FOOTER_KEY = b"mtstore_log"


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One change of a metadata table: a row to put (in the place of that with its key), a key to delete, or, in the
    coverage ledger, ranges to forget."""

    op: Literal["put", "delete", "forget"]
    table: str
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One commit as the log has it."""

    generation: int
    store_id: str
    committed_at: datetime
    records: tuple[LogRecord, ...]


def _encode(value: Any) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"{value!r} has no zone; a log record takes instants")
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{value!r} cannot stand in a log record")


def write_entry(entry: LogEntry, path: Path) -> None:
    """Write a log file at `path` (a staging path), read-only and durable."""
    import pyarrow as pa

    header = {
        "format_version": FORMAT_VERSION,
        "generation": entry.generation,
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
    write_plain(table, path)


def read_entry(path: Path, table_name: str | None = None) -> LogEntry:
    """Read a log file; with `table_name` only the records of that table.

    Raises
    ------
    StoreError
        It cannot be read. StoreFormatError: it was written in another format.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        wanted = None if table_name is None else [("table_name", "=", table_name)]
        content = path.read_bytes()
        if checksum.has_checksum(content) and not checksum.checksum_matches(content):
            raise StoreError(f"{path}: a damaged commit log: its content is not what its seal says")
        table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True, filters=wanted)
        header = json.loads((table.schema.metadata or {})[_FOOTER_KEY])
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise StoreError(f"{path}: not a commit log of mtstore ({type(error).__name__}: {error})") from error
    if header["format_version"] != FORMAT_VERSION:
        raise StoreFormatError(
            f"{path}: format {header['format_version']}; this version of mtstore reads format {FORMAT_VERSION}"
        )
    rows = zip(*(table[name].to_pylist() for name in ("op", "table_name", "body")), strict=True)
    return LogEntry(
        generation=header["generation"],
        store_id=header["store_id"],
        committed_at=datetime.fromisoformat(header["committed_at"]),
        records=tuple(LogRecord(op, name, json.loads(body)) for op, name, body in rows),
    )


def upserts(table: str, rows: Iterable[Mapping[str, Any]]) -> list[LogRecord]:
    """Records that put `rows` into `table`."""
    return [LogRecord("put", table, row) for row in rows]
