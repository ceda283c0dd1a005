"""What a parquet file of the store really holds, against its seal: the facts that checks compare with the metadata."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mtstore.bars import arrow_schema
from mtstore.storage import checksum
from mtstore.storage.files.data_file import FOOTER_KEY, content_id

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["data", "retired", "quarantine", "revisions", "unknown"]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file as it lies on disk; what could not be found out is None.

    `kind` is what the metadata call it. The `footer_…` are what the file says about itself, the rest is counted and
    computed from its bytes and rows. `covers_start_us` and `covers_end_us` are the ranges that its answers spoke for.
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
    footer_file_id: str | None = None
    footer_schema: str | None = None
    footer_source: str | None = None
    footer_ticker: str | None = None
    footer_year: int | None = None
    footer_row_count: int | None = None
    footer_ts_min_us: int | None = None
    footer_ts_max_us: int | None = None
    footer_day_tz: str | None = None
    footer_content_id: str | None = None
    footer_written_at_us: int | None = None
    covers_start_us: tuple[int, ...] | None = None
    covers_end_us: tuple[int, ...] | None = None


_FOOTER_FACTS = tuple(field.name for field in fields(FileFacts) if field.name.startswith("footer_"))


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
        return FileFacts(path, kind, error="carries no seal: its footer is damaged, or another program wrote it")
    if not checksum.checksum_matches(content):
        return FileFacts(path, kind, error="its bytes are not those that its seal was made from")
    try:
        with pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True) as file:
            table = file.read()
            footer = (file.metadata.metadata or {}).get(FOOTER_KEY)
        found: dict[str, Any] = {"byte_size": len(content), "row_count": table.num_rows}
        if kind in {"data", "retired"}:
            found |= _facts_of_bars(table.cast(arrow_schema())) | _facts_of_footer(footer)
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError) as error:
        return FileFacts(path, kind, error=f"is no file of the store's ({type(error).__name__}: {error})")
    return FileFacts(path, kind, **found)


def _facts_of_bars(bars: pa.Table) -> dict[str, Any]:
    stamps = bars["ts_event"].cast("int64").to_numpy()
    return {
        "ts_min_us": int(stamps.min()) if len(stamps) else None,
        "ts_max_us": int(stamps.max()) if len(stamps) else None,
        "is_sorted": bool((stamps[1:] > stamps[:-1]).all()),
        "content_id": content_id(bars),
    }


def _facts_of_footer(footer: bytes | None) -> dict[str, Any]:
    if footer is None:
        raise KeyError(FOOTER_KEY.decode())
    said = json.loads(footer)
    return {
        **{name: said[name.removeprefix("footer_")] for name in _FOOTER_FACTS},
        "covers_start_us": tuple(start for start, _ in said["covers"]),
        "covers_end_us": tuple(end for _, end in said["covers"]),
    }


def facts_table(found: list[FileFacts]) -> pa.Table:
    """FileFacts as a relation, for the checks in SQL."""
    import pyarrow as pa

    types = {"str": pa.string(), "bool": pa.bool_(), "int": pa.int64(), "tuple[int, ...]": pa.list_(pa.int64())}
    columns = {}
    for field in fields(FileFacts):
        kind = types[str(field.type).removesuffix(" | None")]
        columns[field.name] = pa.array([getattr(facts, field.name) for facts in found], kind)
    return pa.table(columns)
