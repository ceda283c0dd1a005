"""Kept tables: a wide table that was made once lies in `derived/`, and whoever asks for the same again maps it.

What is mapped is private: writing into it changes nobody else's table, and costs memory only where it is written.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.query.cache import result_cache
from mtstore.query.table.output_buffers import map_private
from mtstore.query.table.wide_table import WideTable
from mtstore.ranges import US_PER_DAY
from mtstore.storage.commit.staging import staging_folder

if TYPE_CHECKING:
    import numpy as np

    from mtstore.query.cache.size_limit import SizeLimit
    from mtstore.query.request.request import AlignRequest
    from mtstore.storage.repository import Repository

MIN_TABLE_BYTES = 16_000_000
"""A smaller table is made again as fast as it is found."""

_SECONDS_PER_DAY = 86_400
_SHAPE, _VALUES, _PRESENT, _TIMES, _CLOSES = "shape.json", "values.bin", "present.bin", "times.bin", "closes.bin"
_log = logging.getLogger(__name__)

BuiltTable = tuple[WideTable, Mapping[str, Any]]
"""A table, and what was said when it was made; the latter can be written as JSON."""


def should_cache(call: AlignRequest, fields: int, item_bytes: int) -> bool:
    """Whether the table of a call may be large enough to be kept."""
    start_us, end_us = call.bounds.covering_us()
    if start_us is None or end_us is None or call.tickers is None:
        return True
    step_us = call.interval.microseconds or (call.interval.days or 28 * call.interval.months) * US_PER_DAY
    return (end_us - start_us) // step_us * len(call.tickers) * fields * item_bytes >= MIN_TABLE_BYTES


def find_table(store: Repository, key: str) -> BuiltTable | None:
    """A kept table; None if there is none."""
    folder = result_cache.find_result(store, key)
    if folder is None:
        return None
    try:
        return _read(folder)
    except FileNotFoundError:  # deleted since, to make room
        return None
    except (OSError, ValueError, KeyError) as error:
        result_cache.delete_damaged(folder, error)
        return None


def build_table(store: Repository, key: str, room: SizeLimit, work: Callable[[Path | None], BuiltTable]) -> BuiltTable:
    """The table that `work` makes, kept if it is large enough; where it cannot be kept, the log says why.

    `work` is called once, with a new file that may take the values, or None where nothing can be kept. The table is the
    caller's own either way.
    """
    with ExitStack() as held:
        folder = None
        try:
            result_cache.check_free_space(store.path)
            folder = held.enter_context(staging_folder(store.layout)) / key
            folder.mkdir()
        except OSError as error:
            _say_not_kept(store, error)
        wide, said = work(None if folder is None else folder / _VALUES)
        if folder is not None and MIN_TABLE_BYTES <= wide.values.nbytes <= room.max_bytes:
            try:
                _write(folder, wide, said)
                result_cache.store_result(store, folder, wide.tickers, is_durable=False)
                result_cache.enforce_limit(store, room.max_bytes, room.ttl_seconds)
            except OSError as error:
                _say_not_kept(store, error)
    return wide, said


def _say_not_kept(store: Repository, error: OSError) -> None:
    _log.warning("%s: a result is not kept for the next who asks: %s", store.path, error)


def _write(folder: Path, wide: WideTable, said: Mapping[str, Any]) -> None:
    if not (folder / _VALUES).exists() or not _is_mapped_whole(wide.values, folder / _VALUES):
        (folder / _VALUES).unlink(missing_ok=True)
        wide.values.tofile(folder / _VALUES)
    wide.present.tofile(folder / _PRESENT)
    wide.ts_us.tofile(folder / _TIMES)
    if wide.close_us is not None:
        wide.close_us.tofile(folder / _CLOSES)
    shape = {
        "length": len(wide.ts_us),
        "tickers": wide.tickers,
        "stored": wide.stored,
        "fields": wide.fields,
        "dtype": str(wide.values.dtype),
        "has_closes": wide.close_us is not None,
        "said": said,
    }
    (folder / _SHAPE).write_text(json.dumps(shape))


def _read(folder: Path) -> BuiltTable:
    import numpy as np

    shape = json.loads((folder / _SHAPE).read_text())
    length, fields, tickers = shape["length"], tuple(shape["fields"]), tuple(shape["tickers"])
    times = np.fromfile(folder / _TIMES, dtype=np.int64)
    closes = np.fromfile(folder / _CLOSES, dtype=np.int64) if shape["has_closes"] else None
    if len(times) != length:
        raise ValueError(f"{_TIMES} has {len(times):,} times instead of {length:,}")
    values = map_private(folder / _VALUES, shape["dtype"], (len(tickers) * len(fields), length))
    present = map_private(folder / _PRESENT, "bool", (len(tickers), length))
    return WideTable(tickers, tuple(shape["stored"]), fields, times, closes, values, present), shape["said"]


def _is_mapped_whole(values: np.ndarray, path: Path) -> bool:
    """Whether an array is all of the file that was written for it, and not made of it since."""
    import numpy as np

    base = values.base
    return isinstance(base, np.memmap) and base.filename == str(path) and path.stat().st_size == values.nbytes
