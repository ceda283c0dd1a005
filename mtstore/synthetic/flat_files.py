"""The synthetic market as Polygon flat files: one gzipped CSV per trading day, all tickers in it.

Written month by month and a hundred tickers at a time, so that memory does not grow with the market.
"""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtstore.errors import InputError
from mtstore.ranges import US_PER_SECOND
from mtstore.synthetic.model import join_bars
from mtstore.synthetic.resample import base_step_seconds, widen

if TYPE_CHECKING:
    import pyarrow as pa

    from mtstore.bounds import BoundLike
    from mtstore.synthetic.market import SyntheticMarket

KIND_SCHEMAS = {"second_aggs_v1": "ohlcv-1s", "minute_aggs_v1": "ohlcv-1m", "day_aggs_v1": "ohlcv-1d"}
HEADER = "ticker,volume,open,close,high,low,window_start,transactions"

_TICKERS_AT_ONCE = 100
_NS_PER_SECOND = 1_000_000_000


def write_flat_files(
    market: SyntheticMarket,
    folder: Path | str,
    start: BoundLike,
    end: BoundLike,
    *,
    kinds: Sequence[str] = ("minute_aggs_v1",),
    tickers: Sequence[str] | None = None,
) -> list[Path]:
    """Write one file per session and kind, in the vendor's folders.

    Parameters
    ----------
    folder
        The root of the bucket; files are at `us_stocks_sip/<kind>/YYYY/MM/YYYY-MM-DD.csv.gz` below it.
    start, end
        Dates of sessions, both included (an instant chooses the sessions whose date begins in its range).
    kinds
        `minute_aggs_v1`, `day_aggs_v1`, and `second_aggs_v1`, which the vendor does not offer.
    tickers
        Some of the market's tickers; default: all.

    Returns
    -------
    list of Path
        The files by kind and day; the same market writes the same bytes.
    """
    for kind in kinds:
        if kind not in KIND_SCHEMAS:
            raise InputError(f"flat files of kind {kind!r}: valid are {', '.join(KIND_SCHEMAS)}")
    names = sorted(market.tickers if tickers is None else tickers)
    span = market.range_us(start, end)
    written = []
    for kind in kinds:
        for year, month in market.clock.months_between(span.start_us, span.end_us):
            days = market.clock.sessions_of_month(year, month).labels
            chosen = [day for day in days.tolist() if span.start_us <= market.range_us(day, day).start_us < span.end_us]
            if chosen:
                written += _write_month(market, Path(folder) / "us_stocks_sip" / kind, chosen, names, kind)
    return written


def _write_month(
    market: SyntheticMarket, folder: Path, days: list[date], tickers: Sequence[str], kind: str
) -> list[Path]:
    paths = [folder / f"{day:%Y}" / f"{day:%m}" / f"{day}.csv.gz" for day in days]
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    midnights = [market.range_us(day, day).start_us for day in (*days, days[-1] + timedelta(days=1))]
    edges = np.array(midnights) // US_PER_SECOND
    with ExitStack() as stack:
        raw = [stack.enter_context(path.with_suffix(".part").open("wb")) for path in paths]
        # gzip -1 with no time stamp: three times as fast as the default, and the same bytes every time.
        streams = [stack.enter_context(gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0)) for file in raw]
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)))
        for stream in streams:
            stream.write(f"{HEADER}\n".encode())
        for first in range(0, len(tickers), _TICKERS_AT_ONCE):
            table, seconds = _rows(market, tickers[first : first + _TICKERS_AT_ONCE], days[0], kind)
            day_of_row = np.searchsorted(edges, seconds, side="right") - 1
            order = np.argsort(day_of_row, kind="stable")
            cuts = np.searchsorted(day_of_row[order], np.arange(len(days) + 1))
            table = table.take(order)
            parts = [table.slice(low, high - low) for low, high in pairwise(cuts)]
            list(pool.map(_append, streams, parts))
    for path in paths:
        path.with_suffix(".part").replace(path)
    return paths


def _append(stream: gzip.GzipFile, rows: pa.Table) -> None:
    from pyarrow import csv

    text = io.BytesIO()
    csv.write_csv(rows, text, csv.WriteOptions(include_header=False, quoting_style="none"))
    stream.write(text.getbuffer())


def _rows(market: SyntheticMarket, tickers: Sequence[str], day: date, kind: str) -> tuple[pa.Table, np.ndarray]:
    """Return some tickers' rows of the month of `day` in the vendor's columns, and the bars' opens in seconds."""
    import pyarrow as pa

    schema = KIND_SCHEMAS[kind]
    step_seconds = base_step_seconds(schema)
    months = [market.month_bars(ticker, day.year, day.month, step_seconds) for ticker in tickers]
    if kind == "day_aggs_v1":
        months = [widen(bars, schema, market.tz) for bars in months]
    names = np.repeat(np.arange(len(tickers), dtype=np.int32), [len(bars) for bars in months])
    bars = join_bars(months)
    volume = bars.volume
    if (volume == np.rint(volume)).all():
        volume = volume.astype(np.int64)
    columns = {
        "ticker": pa.DictionaryArray.from_arrays(names, pa.array(tickers, pa.string())).cast(pa.string()),
        "volume": volume,
        **{name: bars[f"{name}_cents"] / 100.0 for name in ("open", "close", "high", "low")},
        "window_start": bars.seconds * _NS_PER_SECOND,
        "transactions": bars.transactions,
    }
    return pa.table(columns), bars.seconds
