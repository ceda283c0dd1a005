"""Convert a frame that a caller caches to a batch for the store's writer."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mtstore.bars import VALUE_COLUMNS, BarBatch, SourceBinding, is_daily, step_us
from mtstore.config.sources import NetworkSource
from mtstore.errors import InputError
from mtstore.infer_calendar import FUTURES_CALENDARS
from mtstore.loader.cache.choose_series import binding_of, known_series, range_of, source_name, ticker_calendar
from mtstore.loader.frames.read_bars import Rows
from mtstore.ranges import TimeRange, intersect, subtract
from mtstore.sources.bar_grid import OWN_GRID_US, floor_us, off_own_grid
from mtstore.sources.databento.dbn_file import allows_negative_prices
from mtstore.sources.infer_bar_width import InferredWidth
from mtstore.sources.stated_width import wider_note, wider_step, width_error

if TYPE_CHECKING:
    import duckdb

    from mtstore.bounds import Bounds
    from mtstore.config import Config

_REQUIRED = VALUE_COLUMNS[:5]


def to_batch(
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    ticker: str,
    rows: Rows,
    bounds: Bounds,
    *,
    source: str | None,
    schema: str | None,
) -> BarBatch:
    """Return a frame's rows as the complete bars of a range, up to the last closed bar.

    InputError: rows outside the range, a missing column, or an unknown bar width.
    """
    entry = config.ticker(ticker)
    known = known_series(connection, ticker)
    binding = binding_of(connection, source_name(known, source, entry.data_source), config)
    stored = [
        InferredWidth(one["schema"], None, one["day_tz"] or "UTC") for one in known if one["source"] == binding.source
    ]
    width = _bar_width(rows, ticker, config.multi_ticker.alignment.timezone, schema, stored)
    series = {"source": binding.source, "schema": width.schema, "day_tz": width.day_tz}
    _, within = range_of(connection, ticker, series, bounds, config)
    _check_rows(rows, ticker, within, bounds)
    checked = rows.check(
        width.schema,
        width.day_tz,
        allows_negative_prices=entry.calendar in FUTURES_CALENDARS
        or (binding.dataset is not None and allows_negative_prices(binding.dataset)),
        calendar=ticker_calendar(connection, config, ticker, binding),
        allows_own_grid=True,
    )
    closed_us = min(within.end_us, _last_closed_us(rows, binding, width, config))
    covered = [TimeRange(within.start_us, closed_us)] if closed_us > within.start_us else []
    # Before the first bar has closed, nothing is covered: the bars are only added.
    result = ("complete" if checked.bars.num_rows else "empty") if covered else "partial"
    return BarBatch(
        binding,
        width.schema,
        ticker,
        subtract(covered, checked.slots),
        checked.bars,
        result=result,  # type: ignore[arg-type]
        partial_ranges=intersect(covered, checked.slots),
        day_tz=width.day_tz,
        request={},
        quarantined=checked.quarantined("cache_data"),
    )


def _bar_width(rows: Rows, ticker: str, tz: str, schema: str | None, stored: Sequence[InferredWidth]) -> InferredWidth:
    """Return the width of the bars: as given, else as their times show, else as the one stored series has.

    Warns if the times are on a wider grid than the given schema's.
    """
    import numpy as np

    if schema is None:
        inferred = rows.width(repr(ticker), tz=tz, native=None, own_grid=True) if len(rows.us) else None
        if inferred is None and len(stored) != 1:
            raise InputError(f"{ticker!r}: {len(rows.us)} rows do not show the bars' width; name a schema: 'ohlcv-1m'")
        return inferred or stored[0]
    day_tz = next((width.day_tz for width in stored if width.schema == schema), None) or rows.tz
    if not is_daily(schema):
        us, step = np.unique(rows.us), step_us(schema)
        if error := width_error(us, schema):
            raise InputError(f"{ticker!r}: {error}")
        is_off = off_own_grid(us, step, day_tz) if step >= OWN_GRID_US else us % step != 0
        if is_off.any():
            raise InputError(f"{ticker!r}: {_utc(us[is_off][0])} is not the open of an {schema} bar")
        if wider := wider_step(us, schema):
            warnings.warn(wider_note(repr(ticker), wider), stacklevel=3)
    return InferredWidth(schema, None, day_tz)


def _check_rows(rows: Rows, ticker: str, within: TimeRange, bounds: Bounds) -> None:
    import numpy as np

    outside = np.flatnonzero((rows.us < within.start_us) | (rows.us >= within.end_us))
    if len(outside):
        raise InputError(
            f"{ticker!r}: {len(outside)} rows are outside {bounds}, the first at {_utc(rows.us[outside[0]])}"
        )
    missing = [name for name in _REQUIRED if name not in rows.values]
    if missing and len(rows.us):
        raise InputError(f"{ticker!r}: {', '.join(missing)} is missing; cached bars need {', '.join(_REQUIRED)}")


def _utc(us: int) -> str:
    import numpy as np

    return f"{np.datetime64(int(us), 'us')} UTC"


def _last_closed_us(rows: Rows, binding: SourceBinding, width: InferredWidth, config: Config) -> int:
    source = config.sources.get(binding.source)
    lag_us = int(source.publishing_lag_seconds * 1e6) if isinstance(source, NetworkSource) else 0
    # Bars with a grid of their own close as far past the grid's ends as the last of them opens past it.
    phase = 0 if is_daily(width.schema) or not len(rows.us) else int(rows.us[-1]) % step_us(width.schema)
    return floor_us(time.time_ns() // 1_000 - lag_us - phase, width.schema, width.day_tz) + phase
