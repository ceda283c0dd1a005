"""Record which tickers and which time each input wrote, so that a later ingest knows what has replaced it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from mtstore.bars import step_us
from mtstore.ingest.files.inputs.input_file import Input
from mtstore.ranges import TimeRange, iso_instant

if TYPE_CHECKING:
    import pyarrow as pa

# An input with more tickers counts as one of all tickers: the list would be longer than it is useful.
_MOST_TICKERS = 500


class InputExtents:
    """The tickers and time spans of a batch's inputs, by place.

    Most inputs state both before they are read; only those that may have rows outside of them are observed.
    """

    def __init__(self, batch: Sequence[Input], selected: Collection[str] | None) -> None:
        self._batch = batch
        self._selected = selected
        self._spans = {place: one.span for place, one in enumerate(batch) if one.span is not None}
        self._tickers = [set(one.named_tickers()) for one in batch]

    def observe(self, ticker: str, rows: pa.Table) -> None:
        """Extend the extents by a ticker's rows."""
        import numpy as np

        if not self._batch[0].allows_rows_outside:
            return
        width_us = step_us(self._batch[0].schema)
        stamps, places = rows["ts_us"].to_numpy(), rows["file_index"].to_numpy()
        for place in np.unique(places).tolist():
            times = stamps[places == place]
            found = TimeRange(int(times.min()), int(times.max()) + width_us)
            span = self._spans.get(place, found)
            self._spans[place] = TimeRange(min(found.start_us, span.start_us), max(found.end_us, span.end_us))
            self._tickers[place].add(ticker)

    def row(self, place: int) -> dict[str, Any]:
        """Return the extent of an input (by place) as columns of the table `inputs`."""
        return extent_row(self._tickers[place] if self._selected is None else self._selected, self._spans.get(place))


def extent_row(tickers: Collection[str], span: TimeRange | None) -> dict[str, Any]:
    """Return tickers and a span as columns of the table `inputs`."""
    names = sorted(set(tickers))
    return {
        "tickers": names if 0 < len(names) <= _MOST_TICKERS else None,
        "start_ts": None if span is None else iso_instant(span.start_us),
        "end_ts": None if span is None else iso_instant(span.end_us),
    }
