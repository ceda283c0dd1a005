"""Withdraw what a file brought when it was read with another mapping.

A wrong mapping is the normal first try. The second reading of the same bytes replaces the first: bars that only the
first one has are withdrawn, and its coverage ends.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.arguments import first_few
from mtstore.bars import VALUE_COLUMNS, BarBatch, is_daily
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import MtstoreError
from mtstore.ingest.files.already_ingested import input_key
from mtstore.ingest.files.batch_to_bars import BatchBars
from mtstore.ingest.files.group_by_ticker import TickerGrouper
from mtstore.ingest.files.inputs.custom_input import CustomInput
from mtstore.ingest.files.inputs.input_file import Input
from mtstore.ingest.files.inputs.open_inputs import InputOptions, open_input
from mtstore.ingest.files.quarantine import Quarantine
from mtstore.ingest.files.read_batch import read_batch
from mtstore.ranges import TimeRange, normalise, subtract
from mtstore.storage.files.day_zone import in_day_zone

if TYPE_CHECKING:
    import numpy as np

    from mtstore.storage.commit.writer import Writer
    from mtstore.storage.repository import Repository


@dataclass(frozen=True, slots=True)
class EarlierReading:
    """An input that was ingested before, as it was read then.

    Attributes
    ----------
    now, before
        The same bytes with the mapping of this run and with the earlier one.
    tickers
        Those that the earlier run selected; None: all.
    input_key, run_id
        The row of `core.inputs`, and the run that wrote it.
    """

    now: CustomInput
    before: CustomInput
    tickers: Collection[str] | None
    input_key: str
    run_id: str


def earlier_readings(store: Repository, opened: Sequence[Input]) -> Iterator[EarlierReading]:
    """Yield the custom files that were ingested into the same source with another mapping."""
    files: dict[str, list[CustomInput]] = defaultdict(list)
    for one in opened:
        if isinstance(one, CustomInput) and one.file is not None:
            files[one.sha256].append(one)
    if not files:
        return
    with store.connection() as connection:
        rows = fetch_rows(connection, sqlfiles.load("ingest.readings"), {"digests": list(files)})
    unchanged = {input_key(one, None) for alike in files.values() for one in alike}
    for row in rows:
        if row["input_key"] not in unchanged:
            # Files of equal bytes have names of their own: the key tells which of them this row is about.
            found = (_as_read_before(one, row) for one in files[row["sha256"]])
            yield from islice(filter(None, found), 1)


def _as_read_before(now: CustomInput, row: Mapping[str, Any]) -> EarlierReading | None:
    """Return a file as the run of a row of `core.inputs` read it; None if that was another file, or read it alike."""
    arguments = json.loads(row["arguments"] or "{}")
    if "options" not in arguments or row["source"] != now.binding.source:
        return None
    try:
        before = open_input(now.path, InputOptions.from_json(arguments["options"]))
    except MtstoreError:  # it was called otherwise then, and the mapping takes something from its name
        return None
    if not isinstance(before, CustomInput) or before.mapping.to_request() == now.mapping.to_request():
        return None
    tickers = arguments.get("tickers") or None
    for futures in (now.futures, frozenset[str]()):
        before.futures = futures
        if input_key(before, tickers) == row["input_key"]:
            return EarlierReading(now, before, tickers, row["input_key"], row["run_id"])
    return None


def withdraw(store: Repository, writer: Writer, readings: Sequence[EarlierReading]) -> list[str]:
    """Withdraw the bars that only the earlier readings have, as far as they are stored as those brought them.

    Returns
    -------
    list[str]
        A note about it, if there are readings.
    """
    if not readings:
        return []
    writer.commit()
    withdrawn = sum(_withdraw_reading(store, writer, one) for one in readings)
    for one in readings:
        writer.forget("inputs", {"input_key": one.input_key})
    paths, runs = [str(one.now.path) for one in readings], sorted({one.run_id for one in readings})
    read = f"{first_few(paths)}: read with another mapping before (run {first_few(runs)})"
    return [f"{read}; bars of that reading that were withdrawn: {withdrawn:,}"]


def _withdraw_reading(store: Repository, writer: Writer, reading: EarlierReading) -> int:
    now = _bars(reading.now, writer.staging, None)
    before = _bars(reading.before, writer.staging, reading.tickers)
    has_same_series = reading.now.schema == reading.before.schema
    return sum(
        _withdraw_ticker(store, writer, old, now.get(ticker) if has_same_series else None)
        for ticker, old in before.items()
    )


def _bars(one: CustomInput, staging: Path, tickers: Collection[str] | None) -> dict[str, BarBatch]:
    grouper = TickerGrouper(staging)
    try:
        bars = BatchBars([one], read_batch([one], tickers, grouper, lambda *_: None), tickers, Quarantine([one]))
        return {ticker: found for ticker in bars.tickers() if (found := bars.bars_of(ticker)) is not None}
    finally:
        grouper.close()


def _withdraw_ticker(store: Repository, writer: Writer, old: BarBatch, new: BarBatch | None) -> int:
    import numpy as np

    source, schema, ticker = old.binding.source, old.schema, old.ticker
    series = {"ticker": ticker, "source": source, "schema": schema}
    with store.connection() as connection:
        zones = connection.execute(sqlfiles.load("ingest.day_zone"), series).fetchall()
        if not zones or not old.bars.num_rows:
            return 0
        if is_daily(schema):
            old = in_day_zone(old, zones[0][0])
            new = None if new is None else in_day_zone(new, zones[0][0])
        times = _times(old)
        between = series | {"first_us": int(times[0]), "last_us": int(times[-1])}
        stored: dict[str, Any] = connection.execute(sqlfiles.load("ingest.standing_bars"), between).fetchnumpy()
    kept = _times(new) if new is not None else np.empty(0, dtype=np.int64)
    gone = _are_from(stored, old) & ~np.isin(stored["ts_us"], kept)
    runs = _runs(stored["ts_us"], gone)
    if runs:
        bars = old.bars.slice(0, 0)
        writer.add(BarBatch(old.binding, schema, ticker, runs, bars, "empty", day_tz=old.day_tz, final=True))
    # Bars of others, and the second reading, still cover their time.
    covered = new.ranges + new.partial_ranges if new is not None else ()
    others = _runs(stored["ts_us"], ~gone)
    uncovered = subtract(normalise(old.ranges + old.partial_ranges), normalise(covered + others))
    if uncovered:
        writer.later(lambda commit: commit.remove_coverage(source, schema, ticker, uncovered, writer.run_id))
    return int(gone.sum())


def _times(batch: BarBatch) -> np.ndarray:
    times: np.ndarray = batch.bars["ts_event"].cast("int64").to_numpy()
    return times


def _are_from(stored: Mapping[str, np.ndarray], batch: BarBatch) -> np.ndarray:
    """Return which stored bars are equal to those of a batch."""
    import numpy as np

    times = _times(batch)
    places = np.searchsorted(times, stored["ts_us"])
    found = np.isin(stored["ts_us"], times)
    for name in VALUE_COLUMNS:
        theirs = batch.bars[name].cast("float64").to_numpy()[np.minimum(places, len(times) - 1)] if len(times) else 0.0
        ours = np.ma.filled(np.ma.asarray(stored[name], dtype=np.float64), np.nan)
        found &= (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    return found


def _runs(times: np.ndarray, chosen: np.ndarray) -> tuple[TimeRange, ...]:
    """Return the runs of chosen bars as ranges from the first to the last of them, which contain no other bar."""
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return tuple(TimeRange(int(times[first]), int(times[end - 1]) + 1) for first, end in pairs)
