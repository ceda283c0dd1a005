"""What a parquet file of the store really holds: the facts that checks compare with the metadata."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mtstore.bars import arrow_schema
from mtstore.ranges import TimeRange
from mtstore.storage import checksum
from mtstore.storage.files.data_file import FOOTER_KEY, DataFile, content_id, parse_footer

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["data", "retired", "quarantine", "revisions", "unknown"]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file on disk; None stands for facts that could not be read.

    `kind` is its kind in the metadata. `footer` and `covers`, the ranges that its batches cover, come from its footer;
    the rest is computed from its bytes and rows.
    """

    path: str
    kind: str
    is_there: bool = True
    error: str | None = None
    byte_size: int | None = None
    row_count: int | None = None
    ts_min_us: int | None = None
    ts_max_us: int | None = None
    is_sorted: bool | None = None
    content_id: str | None = None
    footer: DataFile | None = None
    covers: tuple[TimeRange, ...] | None = None


def read_facts(root: Path, path: str, kind: Kind) -> FileFacts:
    """Read a file from its first to its last byte."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = (root / path).read_bytes()
    except FileNotFoundError:
        return FileFacts(path, kind, is_there=False)
    except OSError as error:
        return FileFacts(path, kind, error=f"cannot be read ({error.strerror})")
    if not checksum.has_checksum(content):
        return FileFacts(path, kind, error="has no checksum: its footer is damaged, or another program wrote it")
    if not checksum.checksum_matches(content):
        return FileFacts(path, kind, error="its content does not match its checksum")
    try:
        with pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True) as file:
            table = file.read()
            footer = (file.metadata.metadata or {}).get(FOOTER_KEY, b"")
        found: dict[str, Any] = {"byte_size": len(content), "row_count": table.num_rows}
        if kind in {"data", "retired"}:
            found |= _facts_of_bars(table.cast(arrow_schema()))
            found["footer"], provenance = parse_footer(footer, path, len(content))
            found["covers"] = provenance.covers
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError) as error:
        return FileFacts(path, kind, error=f"is not a file of mtstore ({type(error).__name__}: {error})")
    return FileFacts(path, kind, **found)


def _facts_of_bars(bars: pa.Table) -> dict[str, Any]:
    stamps = bars["ts_event"].cast("int64").to_numpy()
    return {
        "ts_min_us": int(stamps.min()) if len(stamps) else None,
        "ts_max_us": int(stamps.max()) if len(stamps) else None,
        "is_sorted": bool((stamps[1:] > stamps[:-1]).all()),
        "content_id": content_id(bars),
    }


def facts_table(found: Iterable[FileFacts]) -> pa.Table:
    """Return facts as a table, for the checks in SQL; the columns of a footer are named `footer_…`."""
    import pyarrow as pa

    types = {"str": pa.string(), "bool": pa.bool_(), "int": pa.int64()}
    own = {one.name: str(one.type) for one in fields(FileFacts) if one.name not in {"footer", "covers"}}
    footer = {one.name: str(one.type) for one in fields(DataFile) if one.name not in {"path", "byte_size"}}
    names = {**own, **{f"footer_{name}": kind for name, kind in footer.items()}}
    schema = [(name, types[kind.removesuffix(" | None")]) for name, kind in names.items()]
    schema += [("covers_start_us", pa.list_(pa.int64())), ("covers_end_us", pa.list_(pa.int64()))]
    rows = [
        {
            **{name: getattr(facts, name) for name in own},
            **{f"footer_{name}": getattr(facts.footer, name, None) for name in footer},
            "covers_start_us": None if facts.covers is None else [one.start_us for one in facts.covers],
            "covers_end_us": None if facts.covers is None else [one.end_us for one in facts.covers],
        }
        for facts in found
    ]
    return pa.Table.from_pylist(rows, pa.schema(schema))
