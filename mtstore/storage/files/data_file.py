"""Data files: immutable parquet whose footer has all that the metadata tables need to know about it.

The footer's key `mtstore` holds a JSON object: the fields of `DataFile` without `path` and `byte_size`, plus those of
`Provenance`. Another key holds a checksum of the whole file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.bars import arrow_schema
from mtstore.errors import StoreError
from mtstore.ranges import TimeRange
from mtstore.storage import checksum, durable_io
from mtstore.storage.layout import Partition, new_id
from mtstore.storage.reading.read_errors import why_unreadable

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT_VERSION = 1
FOOTER_KEY = b"mtstore"
# Some months of minutes: a day is read without its year, and scans are as fast as with larger groups.
ROW_GROUP_ROWS = 32_768


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a file's rows came from; `covers` are the ranges that its batches cover."""

    provider: str
    dataset: str | None
    run_id: str
    request: Mapping[str, Any]
    covers: tuple[TimeRange, ...]


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file as a row of the table `core.files`; times in microseconds since the epoch, UTC."""

    file_id: str
    path: str
    schema: str
    source: str
    ticker: str
    year: int | None
    row_count: int
    byte_size: int
    ts_min_us: int
    ts_max_us: int
    day_tz: str
    content_id: str
    written_at_us: int

    @property
    def partition(self) -> Partition:
        return Partition(self.schema, self.source, self.ticker, self.year)


def content_id(bars: pa.Table) -> str:
    """Return a digest of the rows, whichever files they are stored in and however they are chunked."""
    import numpy as np
    import pyarrow.compute as pc
    import xxhash

    digest = xxhash.xxh3_128()
    digest.update(str(bars.num_rows).encode())
    for name in arrow_schema().names:
        column = bars[name].combine_chunks()
        if name == "ts_event":
            column = column.cast("int64")
        if column.null_count:
            digest.update(np.ascontiguousarray(pc.is_null(column).cast("int8").to_numpy()).data)
            column = pc.fill_null(column, 0)
        digest.update(np.ascontiguousarray(column.to_numpy(zero_copy_only=False)).data)
    return digest.hexdigest()


def write(
    bars: pa.Table,
    partition: Partition,
    folder: Path,
    *,
    day_tz: str,
    written_at_us: int,
    provenance: Provenance,
    is_durable: bool = True,
    is_compressed: bool = True,
) -> DataFile:
    """Write sorted, unique bars of one partition as a new read-only file in the staging folder `folder`.

    The file's name is its id; `DataFile.path` is its later place, relative to the store's root. If `is_durable` is
    false, the caller must sync it to disk.
    """
    import pyarrow.parquet as pq

    file_id = new_id()
    stamps = bars["ts_event"].cast("int64")
    facts: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "file_id": file_id,
        "schema": partition.schema,
        "source": partition.source,
        "ticker": partition.ticker,
        "year": partition.year,
        "row_count": bars.num_rows,
        "ts_min_us": stamps[0].as_py(),
        "ts_max_us": stamps[-1].as_py(),
        "day_tz": day_tz,
        "content_id": content_id(bars),
        "written_at_us": written_at_us,
    }
    footer = facts | asdict(provenance) | {"covers": [[r.start_us, r.end_us] for r in provenance.covers]}
    path = folder / f"{file_id}.parquet"
    # Prices repeat. A dictionary of vwaps, which hardly do, would only make the file larger and slower.
    repeating = ["open", "high", "low", "close", "volume"]
    with pq.ParquetWriter(
        path,
        arrow_schema(),
        compression="zstd" if is_compressed else "none",
        compression_level=2 if is_compressed else None,
        use_dictionary=repeating,
        column_encoding={"ts_event": "DELTA_BINARY_PACKED", "transactions": "DELTA_BINARY_PACKED"},
        write_page_checksum=True,
        store_schema=False,
        sorting_columns=[pq.SortingColumn(0)],
    ) as writer:
        writer.write_table(bars.cast(arrow_schema()), row_group_size=ROW_GROUP_ROWS)
        writer.add_key_value_metadata({FOOTER_KEY: json.dumps(footer, sort_keys=True, default=str).encode()})
        writer.add_key_value_metadata({checksum.KEY: checksum.OPEN})
    _finish(path, is_durable=is_durable)
    facts.pop("format_version")
    return DataFile(path=f"{partition.folder}/{path.name}", byte_size=path.stat().st_size, **facts)


def read_footer(root: Path, path: str) -> tuple[DataFile, Provenance]:
    """Read the footer of the data file at `path`, relative to `root`.

    Raises
    ------
    StoreError
        The file is missing, is not a data file of mtstore, or has another format.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    full = root / path
    try:
        footer = (pq.read_metadata(full).metadata or {})[FOOTER_KEY]
        version = json.loads(footer)["format_version"]
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise StoreError(f"{full}: not a data file of mtstore ({type(error).__name__}: {error})") from error
    if version != FORMAT_VERSION:
        raise StoreError(f"{full}: written in another format; this version of mtstore reads {FORMAT_VERSION}")
    return parse_footer(footer, path, full.stat().st_size)


def parse_footer(footer: bytes, path: str, byte_size: int) -> tuple[DataFile, Provenance]:
    """Parse the value of a footer's key `mtstore`; ValueError, KeyError or TypeError if it is not ours."""
    facts = json.loads(footer)
    facts.pop("format_version")
    provenance = Provenance(
        provider=facts.pop("provider"),
        dataset=facts.pop("dataset"),
        run_id=facts.pop("run_id"),
        request=facts.pop("request"),
        covers=tuple(TimeRange(*pair) for pair in facts.pop("covers")),
    )
    return DataFile(path=path, byte_size=byte_size, **facts), provenance


def read_bars(root: Path, paths: Sequence[str]) -> pa.Table:
    """Read the bars of several files of one partition, sorted by `ts_event` (the files' ranges are disjoint).

    Raises
    ------
    StoreError
        A file is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for path in paths:
        try:
            with pq.ParquetFile(root / path, page_checksum_verification=True) as file:
                tables.append(file.read().cast(arrow_schema()))
        except (OSError, pa.ArrowException) as error:
            raise why_unreadable(root / path, error) from error
    if not tables:
        return arrow_schema().empty_table()
    return pa.concat_tables(sorted(tables, key=lambda table: table["ts_event"][0].value))


def write_table(table: pa.Table, path: Path) -> None:
    """Write another table (quarantined rows, revisions, a log) as a durable, read-only file with a checksum."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, table.schema, compression="zstd", write_page_checksum=True) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({checksum.KEY: checksum.OPEN})
    _finish(path, is_durable=True)


def _finish(path: Path, *, is_durable: bool) -> None:
    checksum.write_checksum(path)
    durable_io.make_read_only(path)
    if is_durable:
        durable_io.fsync_file(path)
