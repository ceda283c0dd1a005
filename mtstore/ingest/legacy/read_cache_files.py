"""Read cache files as inputs: find columns by name, infer the schema from the times."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from mtstore.bars import is_daily, step_us
from mtstore.bounds import zone_names
from mtstore.errors import BrokenFileError, InputError
from mtstore.ingest.files.inputs.custom_input import CustomInput
from mtstore.ingest.files.inputs.input_file import sha256_of
from mtstore.ingest.legacy.cache_layouts import CacheFile
from mtstore.intervals import parse_interval
from mtstore.ranges import TimeRange, midnight_us
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping, TimeUnit
from mtstore.sources.custom.read_file import CustomFile
from mtstore.sources.infer_bar_width import infer_width, schema_of

if TYPE_CHECKING:
    import numpy as np

# Our columns, and the names (lower case) under which caches have them.
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
# From which value on an epoch time counts this unit.
_UNITS: Final[tuple[tuple[float, TimeUnit], ...]] = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"))


@dataclass(frozen=True, slots=True)
class CachedBars:
    """A cache file whose columns and times were read.

    Attributes
    ----------
    us
        The times of its rows as they are in the file, µs since the epoch.
    zone
        The zone of the file's own times; None if they are naive.
    """

    file: CacheFile
    mapping: ColumnMapping
    us: np.ndarray
    zone: str | None


class _Head(NamedTuple):
    """The column names of a file, first values as text (of parquet not of times), zone of its times, CSV delimiter."""

    names: list[str]
    sample: dict[str, str]
    zone: str | None
    delimiter: str = ","


def inspect_cache(file: CacheFile, tz: str) -> CachedBars:
    """Find a file's columns and read its times; naive times are in zone `tz`.

    Raises
    ------
    BrokenFileError
        It cannot be read, or a column is missing.
    """
    import numpy as np

    head = _parquet_head(file) if file.format == "parquet" else _csv_head(file)
    lower = {name.lower(): name for name in reversed(head.names)}
    columns = {}
    for ours, theirs in _NAMES.items():
        found = next((lower[name] for name in theirs if name in lower), None)
        if found is not None:
            columns[ours] = found
    if "ts_event" not in columns:
        raise BrokenFileError(f"{file.path}: no column of times; its columns are {', '.join(map(repr, head.names))}")
    unit, time_format = _time_style(head.sample.get(columns["ts_event"]))
    # An index that pandas wrote without a name has only its place.
    columns = {ours: name or str(head.names.index(name) + 1) for ours, name in columns.items()}
    # Read as seconds: the bars' width is not known yet, and times stay as they are.
    mapping = ColumnMapping(
        "ohlcv-1s",
        columns=columns,
        ticker=file.ticker,
        tz=tz,
        time_unit=unit,
        time_format=time_format,
        delimiter=head.delimiter,
        null_values=("", "nan", "NaN", "None"),
    )
    batches = CustomFile(file.path, mapping, file.format).batches()
    parts = [batch["ts_event"].cast("int64").to_numpy(zero_copy_only=False) for batch in batches]
    return CachedBars(file, mapping, np.concatenate(parts) if parts else np.empty(0, dtype=np.int64), head.zone)


def to_inputs(inspected: Sequence[CachedBars], *, tz: str, schema: str | None, source: str | None) -> list[CustomInput]:
    """Return one ticker's files as inputs; the schema of each is given, in its name, or inferred from its times.

    Raises
    ------
    InputError
        The schema cannot be inferred.
    """
    import numpy as np

    inputs = []
    by_interval: dict[str | None, list[CachedBars]] = {}
    for one in inspected:
        by_interval.setdefault(one.file.interval, []).append(one)
    for interval, alike in by_interval.items():
        us = np.unique(np.concatenate([one.us for one in alike]))
        zone = next((one.zone for one in alike if one.zone is not None), None)
        width = infer_width(us, tuple(filter(None, (zone, tz, "UTC"))), None, alike[0].file.ticker, own_grid=True)
        chosen = schema or (interval and schema_of(parse_interval(interval)))
        if not chosen and width is not None:
            chosen = width.schema
        if not chosen:
            raise InputError(f"{alike[0].file.ticker}: {len(us)} bars are too few to infer their width; use --schema")
        day_tz = tz
        if is_daily(chosen) and width is not None and is_daily(width.schema):
            day_tz = width.day_tz
        inputs += [
            CustomInput.open(
                one.file.path,
                sha256_of(one.file.path),
                one.file.format,
                mapping=replace(one.mapping, schema=chosen, tz=day_tz),
                source=source,
                covers=_covers(one, chosen, day_tz),
            )
            for one in alike
        ]
    return inputs


def _covers(one: CachedBars, schema: str, tz: str) -> TimeRange | None:
    """Return the days in a file's name, else the range from its first to its last bar."""
    bars = TimeRange(int(one.us.min()), int(one.us.max()) + step_us(schema)) if len(one.us) else None
    if one.file.dates is None:
        return bars
    first, last = one.file.dates
    days = TimeRange(midnight_us(first, ZoneInfo(tz)), midnight_us(last + timedelta(days=1), ZoneInfo(tz)))
    if bars is None:
        return days
    # An evening's bars can be in the file of the next day, and UTC days differ from those of the zone.
    return TimeRange(min(days.start_us, bars.start_us), max(days.end_us, bars.end_us))


def _parquet_head(file: CacheFile) -> _Head:
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
    zone = next((zone for zone in zones if zone in zone_names()), "UTC" if zones else None)
    return _Head(list(schema.names), sample, zone)


def _csv_head(file: CacheFile) -> _Head:
    opener = gzip.open if file.path.suffix == ".gz" else open
    try:
        with opener(file.path, "rt", encoding="utf-8-sig", newline="") as stream:
            lines = list(islice(stream, 2))
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise BrokenFileError(f"{file.path}: cannot be read: {error}") from error
    if not lines:
        raise BrokenFileError(f"{file.path}: the file has no header line")
    delimiter = ";" if ";" in lines[0] and "," not in lines[0] else ","
    names, *first = csv.reader(lines, delimiter=delimiter)
    return _Head(names, dict(zip(names, first[0], strict=False)) if first else {}, None, delimiter)


def _time_style(sample: str | None) -> tuple[TimeUnit | None, str | None]:
    """Return the unit of a time that is a number, or the format of one like 20240131."""
    text = (sample or "").strip()
    digits = text.split(".")[0].removeprefix("-")
    if not digits.isdigit():
        return None, None
    if len(digits) == 8 and digits == text:
        return None, "%Y%m%d"
    value = float(text)
    return next((unit for limit, unit in _UNITS if abs(value) >= limit), "s"), None
