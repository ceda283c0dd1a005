"""What somebody caches, as an answer that the store takes: checked against its range, cleaned, cut at the last bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mtstore.bars import VALUE_COLUMNS, BarBatch, SourceBinding, is_daily, step_us
from mtstore.errors import InputError
from mtstore.loader.frames.read_bars import Rows
from mtstore.ranges import TimeRange, intersect, subtract
from mtstore.sources.databento.dbn_file import allows_negative_prices
from mtstore.sources.infer_bar_width import InferredWidth

if TYPE_CHECKING:
    from mtstore.bounds import Bounds
    from mtstore.storage.commit.writer import WriteTotals

_NEEDED = VALUE_COLUMNS[:5]


def shape_of(rows: Rows, ticker: str, tz: str, schema: str | None, stored: list[InferredWidth]) -> InferredWidth:
    """What a frame's bars are: as said, else as the rows tell, else as the one series that is stored.

    Raises
    ------
    InputError
        Nobody knows.
    """
    import numpy as np

    told = rows.width(repr(ticker), tz=tz, native=None) if schema is None and len(rows.us) else None
    if told is not None:
        return told
    if schema is not None:
        if not is_daily(schema):
            off = np.flatnonzero(rows.us % step_us(schema))
            if len(off):
                raise InputError(f"{ticker!r}: {np.datetime64(int(rows.us[off[0]]), 'us')} UTC is no bar of {schema}")
        known = next((width.day_tz for width in stored if width.schema == schema), None)
        return InferredWidth(schema, None, known or rows.tz)
    if len(stored) == 1:
        return stored[0]
    raise InputError(f"{ticker!r}: {len(rows.us)} rows do not tell what the bars are; say schema, like 'ohlcv-1m'")


def to_answer(
    rows: Rows,
    ticker: str,
    width: InferredWidth,
    binding: SourceBinding,
    *,
    asked: TimeRange,
    closed_us: int,
    bounds: Bounds,
    is_future: bool = False,
) -> BarBatch:
    """The frame as the complete answer about `asked` (`bounds` as people wrote them), up to `closed_us`.

    Prices of what `is_future` may be zero or negative.

    Raises
    ------
    InputError
        Rows outside of the range, or a column that bars must have is missing.
    """
    import numpy as np

    outside = np.flatnonzero((rows.us < asked.start_us) | (rows.us >= asked.end_us))
    if len(outside):
        first = np.datetime64(int(rows.us[outside[0]]), "us")
        raise InputError(f"{ticker!r}: {len(outside)} rows lie outside of {bounds}, the first at {first} UTC")
    missing = [name for name in _NEEDED if name not in rows.values]
    if missing and len(rows.us):
        raise InputError(
            f"{ticker!r}: bars that are cached need {', '.join(_NEEDED)}; there is no {', '.join(missing)}"
        )
    checked = rows.check(
        width.schema,
        width.day_tz,
        allows_negative_prices=is_future or (binding.dataset is not None and allows_negative_prices(binding.dataset)),
        allows_missing_prices=binding.provider == "databento",
    )
    covered = [TimeRange(asked.start_us, closed_us)] if closed_us > asked.start_us else []
    # Without anything that has closed there is nothing to be complete about: the bars are only added.
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


def summary(totals: WriteTotals) -> dict[str, Any]:
    """What a run of the cache did, as its row in `ingest_runs` says it."""
    is_whole = not totals.quarantined_rows
    return {
        "status": "complete" if is_whole else "incomplete",
        "tickers": 1,
        "files": 0,
        "rows": totals.rows,
        "quarantined_rows": totals.quarantined_rows,
    }
