"""What each input brought: of which tickers, and when. By that the store tells later what has replaced it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from mtstore.bars import step_us
from mtstore.ingest.files.input_file import Input
from mtstore.ranges import TimeRange, iso_instant

if TYPE_CHECKING:
    import pyarrow as pa

# Beyond that many tickers a market-wide file counts as one of all: its list would be longer than what it tells.
_MOST_TICKERS = 500


class InputExtents:
    """Gathers what the inputs of a layer brought, while their rows go by.

    Most inputs say beforehand what they speak for; only those that may have rows beyond that are looked through.
    """

    def __init__(self, layer: Sequence[Input], named: Collection[str] | None) -> None:
        self._layer = layer
        self._named = named
        self._spans: dict[int, TimeRange] = {place: one.span for place, one in enumerate(layer) if one.span is not None}
        self._tickers: dict[int, set[str]] = {place: set(one.speaks_of()) for place, one in enumerate(layer)}

    def take(self, ticker: str, rows: pa.Table) -> None:
        """Take note of a ticker's rows."""
        import numpy as np

        if not self._layer[0].may_exceed:
            return
        width_us = step_us(self._layer[0].schema)
        stamps, places = rows["ts_us"].to_numpy(), rows["file_index"].to_numpy()
        for place in np.unique(places).tolist():
            own = stamps[places == place]
            start_us, end_us = int(own.min()), int(own.max()) + width_us
            known = self._spans.get(place)
            if known is not None:
                start_us, end_us = min(start_us, known.start_us), max(end_us, known.end_us)
            self._spans[place] = TimeRange(start_us, end_us)
            self._tickers[place].add(ticker)

    def row(self, place: int) -> dict[str, Any]:
        """What the row of an input (by place) in the table `inputs` says of it."""
        return extent_row(self._tickers[place] if self._named is None else self._named, self._spans.get(place))


def extent_row(tickers: Collection[str], span: TimeRange | None) -> dict[str, Any]:
    """What the row of an input in the table `inputs` says of what it brought."""
    names = sorted(set(tickers))
    return {
        "tickers": names if 0 < len(names) <= _MOST_TICKERS else None,
        "start_ts": None if span is None else iso_instant(span.start_us),
        "end_ts": None if span is None else iso_instant(span.end_us),
    }
