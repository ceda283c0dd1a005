"""Old cache files as inputs: their columns found by name, their times read once to know what the bars are."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtstore.bars import is_daily, step_us
from mtstore.bounds import zone_names
from mtstore.errors import BrokenFileError, InputError
from mtstore.ingest.files.custom_input import CustomInput
from mtstore.ingest.files.input_file import sha256_of
from mtstore.ingest.legacy.cache_layouts import CacheFile
from mtstore.intervals import parse_interval
from mtstore.ranges import TimeRange
from mtstore.sources.bar_grid import midnight_us
from mtstore.sources.custom.column_mapping import ColumnMapping, TimeUnit
from mtstore.sources.custom.read_file import CustomFile
from mtstore.sources.infer_bar_width import infer_width, schema_of

if TYPE_CHECKING:
    import numpy as np

_NAMES: Final = {
    "ts_event": ("ts_event", "timestamp", "datetime", "date", "time", "t", "window_start", "index", "__index_level_0__",
                 "unnamed: 0", ""),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "v"),
    "vwap": ("vwap", "vw"),
    "transactions": ("transactions", "n", "trade_count", "trades"),
}  # fmt: skip
_UNITS: Final[tuple[tuple[float, TimeUnit], ...]] = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"))


@dataclass(frozen=True, slots=True)
class CachedBars:
    """A file that was looked at.

    Attributes
    ----------
    us
        The times of its rows as they stand there, µs since the epoch.
    zone
        The zone of its own times; None where they have none.
    """

    file: CacheFile
    mapping: ColumnMapping
    us: np.ndarray
    zone: str | None


def inspect_cache(file: CacheFile, tz: str) -> CachedBars:
    """Find a file's columns and read its times; naive ones are wall time in `tz`.

    Raises
    ------
    BrokenFileError
        It cannot be read, or a column is missing.
    """
    import numpy as np

    names, sample, zone = _parquet_head(file) if file.format == "parquet" else _csv_head(file)
    lower = {name.lower(): name for name in reversed(names)}
    columns = {}
    for ours, theirs in _NAMES.items():
        found = next((lower[name] for name in theirs if name in lower), None)
        if found is not None:
            columns[ours] = found
    time_column = columns.get("ts_event")
    if time_column is None:
        raise BrokenFileError(f"{file.path}: no column of times; its columns are {', '.join(map(repr, names))}")
    unit, style = _time_style(sample.get(time_column))
    delimiter = sample.get("\0", ",") if file.format == "csv" else ","
    # Read as seconds: the width is not known yet, and no time is moved by that.
    mapping = ColumnMapping(
        "ohlcv-1s",
        columns=columns,
        ticker=file.ticker,
        tz=tz,
        time_unit=unit,
        time_format=style,
        delimiter=delimiter or ",",
        null_values=("", "nan", "NaN", "None"),
    )
    batches = CustomFile(file.path, mapping, file.format).batches()
    parts = [batch["ts_event"].cast("int64").to_numpy(zero_copy_only=False) for batch in batches]
    return CachedBars(file, mapping, np.concatenate(parts) if parts else np.empty(0, dtype=np.int64), zone)


def to_inputs(looked: Sequence[CachedBars], *, tz: str, schema: str | None, source: str | None) -> list[CustomInput]:
    """One ticker's files as inputs of one schema.

    Raises
    ------
    InputError
        What the bars are cannot be told.
    """
    import numpy as np

    inputs = []
    by_name: dict[str | None, list[CachedBars]] = {}
    for one in looked:
        by_name.setdefault(one.file.interval, []).append(one)
    for interval, alike in by_name.items():
        us = np.unique(np.concatenate([one.us for one in alike]))
        zone = next((one.zone for one in alike if one.zone is not None), None)
        width = infer_width(us, tuple(filter(None, (zone, tz, "UTC"))), None, alike[0].file.ticker)
        said = schema or (interval and schema_of(parse_interval(interval)))
        if said is None and width is None:
            raise InputError(f"{alike[0].file.ticker}: {len(us)} bars do not tell how wide they are; say --schema")
        chosen = said or (width.schema if width is not None else "")
        day_tz = width.day_tz if width is not None and is_daily(width.schema) else tz
        inputs += [_as_input(one, chosen, day_tz if is_daily(chosen) else tz, source) for one in alike]
    return inputs


def _as_input(one: CachedBars, schema: str, tz: str, source: str | None) -> CustomInput:
    mapping = replace(one.mapping, schema=schema, tz=tz)
    return CustomInput.open(
        one.file.path,
        sha256_of(one.file.path),
        one.file.format,
        mapping=mapping,
        schema=schema,
        source=source,
        covers=_covers(one, schema, tz),
    )


def _covers(one: CachedBars, schema: str, tz: str) -> TimeRange | None:
    """What a file speaks for: the days in its name, else from its first to its last bar."""
    if one.file.dates is not None:
        first, last = one.file.dates
        start_us, end_us = midnight_us(first, tz), midnight_us(last + timedelta(days=1), tz)
        if len(one.us):
            # An evening's bars may stand in the file of the next day, and UTC's day is another than the zone's.
            start_us, end_us = min(start_us, int(one.us.min())), max(end_us, int(one.us.max()) + step_us(schema))
        return TimeRange(start_us, end_us)
    if not len(one.us):
        return None
    first_us, last_us = int(one.us.min()), int(one.us.max())
    return TimeRange(first_us, last_us + step_us(schema))


def _parquet_head(file: CacheFile) -> tuple[list[str], dict[str, str], str | None]:
    """Column names, the first value of numeric columns as text, and the zone of the times."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file.path) as opened:
            schema = opened.schema_arrow
            batch = next(opened.iter_batches(1), None)
    except (pa.ArrowException, OSError) as error:
        raise BrokenFileError(f"{file.path}: cannot be read: {error}") from error
    sample = {}
    for field in schema:
        is_time = pa.types.is_timestamp(field.type) or pa.types.is_date(field.type)
        if batch is not None and len(batch) and not is_time:
            sample[field.name] = str(batch[field.name][0].as_py())
    zones = [str(field.type.tz) for field in schema if pa.types.is_timestamp(field.type) and field.type.tz]
    return list(schema.names), sample, next((zone for zone in zones if zone in zone_names()), "UTC" if zones else None)


def _csv_head(file: CacheFile) -> tuple[list[str], dict[str, str], str | None]:
    """Column names, the first row's values, and `UTC` where its time has an offset; the delimiter under the key NUL."""
    opener = gzip.open if file.path.suffix == ".gz" else open
    try:
        with opener(file.path, "rt", encoding="utf-8-sig", newline="") as stream:
            head = [line for line, _ in zip(stream, range(2), strict=False)]
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise BrokenFileError(f"{file.path}: cannot be read: {error}") from error
    if not head:
        raise BrokenFileError(f"{file.path}: the file has no header line")
    delimiter = ";" if ";" in head[0] and "," not in head[0] else ","
    rows = list(csv.reader(head, delimiter=delimiter))
    sample = dict(zip(rows[0], rows[1], strict=False)) if len(rows) > 1 else {}
    return rows[0], sample | {"\0": delimiter}, None


def _time_style(sample: str | None) -> tuple[TimeUnit | None, str | None]:
    """What a time that is a number counts, and the format of one like 20240131."""
    text = (sample or "").strip()
    digits = text.split(".")[0].removeprefix("-")
    if not digits.isdigit():
        return None, None
    if len(digits) == 8 and digits == text:
        return None, "%Y%m%d"
    value = float(text)
    return next((unit for limit, unit in _UNITS if abs(value) >= limit), "s"), None
