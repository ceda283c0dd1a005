"""What a layer of inputs says about one ticker, as an answer that the store takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mtstore.bars import BarBatch, arrow_schema
from mtstore.errors import TickerError
from mtstore.ingest.files.input_extent import InputExtents
from mtstore.ingest.files.input_file import Input, RejectedRow
from mtstore.ingest.files.quarantine import Quarantine
from mtstore.ingest.files.read_batch import BatchRows
from mtstore.ranges import TimeRange, intersect, subtract, union
from mtstore.sources.bar_rules import NO_TIME, OUTSIDE_RANGE, CheckedBars, check_bars
from mtstore.storage.layout import encode_ticker

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True)
class BatchBars:
    """Turns the rows of a layer into answers, one ticker at a time.

    Attributes
    ----------
    named
        The tickers that the caller asked for; None: all there are.
    collapsed
        How many rows were mere repetitions of others.
    extents
        What each input brought, when all answers were taken.
    """

    layer: Sequence[Input]
    rows: BatchRows
    named: Collection[str] | None
    quarantine: Quarantine
    collapsed: int = 0
    extents: InputExtents = field(init=False)

    def __post_init__(self) -> None:
        self.extents = InputExtents(self.layer, self.named)

    def tickers(self) -> list[str]:
        """Everybody the layer speaks of: those with rows, and those who were asked for."""
        if self.named is not None:
            return sorted({*self.rows.grouper.tickers(), *self.named})
        spoken = {
            ticker
            for place, one in enumerate(self.layer)
            if place not in self.rows.broken
            for ticker in one.speaks_of()
        }
        return sorted({*self.rows.grouper.tickers(), *spoken})

    def answer(self, ticker: str) -> BarBatch | None:
        """What the layer says about `ticker`; None if that is nothing."""
        table = self._rows_of(ticker)
        covered = self._covered(ticker, table)
        first = self.layer[0]
        bars = arrow_schema().empty_table()
        suspect = self._suspect(ticker)
        if table is not None:
            self.extents.take(ticker, table)
            table, strays = self._apart(table)
            if strays.num_rows:
                suspect += self._doubts(self._check(ticker, strays, ()))
            checked = self._check(ticker, table, None if first.may_exceed else covered or None)
            suspect += self._doubts(checked)
            bars = checked.bars
        refusal = _why_not_storable(ticker)
        if refusal is not None:
            origin = str(first.path)
            self.quarantine.reject(RejectedRow(0, origin, f"{bars.num_rows} bars: {refusal}", ticker))
            return None
        if not covered and bars.num_rows == 0:
            return None
        ranges = subtract(covered, suspect)
        return BarBatch(
            first.binding,
            first.schema,
            ticker,
            ranges,
            bars,
            result=("complete" if bars.num_rows else "empty") if covered else "partial",
            partial_ranges=intersect(covered, suspect),
            day_tz=first.day_tz,
            final=True,
            request=first.request(),
        )

    def _check(self, ticker: str, rows: pa.Table, ranges: tuple[TimeRange, ...] | None) -> CheckedBars:
        """Check some rows of a ticker, and quarantine those that are not bars."""
        first = self.layer[0]
        checked = check_bars(
            {name: rows[name].to_numpy() for name in rows.column_names},
            schema=first.schema,
            day_tz=first.day_tz,
            ranges=ranges,
            allows_negative_prices=first.allows_negative(ticker),
            allows_missing_prices=first.may_be_undefined,
        )
        self.collapsed += checked.repeated
        self.quarantine.add(ticker, checked.rejected)
        return checked

    def _apart(self, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Rows within the span of their own file, and those that another file of the layer would have to bring."""
        import numpy as np
        import pyarrow as pa

        spans = [one.span for one in self.layer]
        if len(spans) == 1 or self.layer[0].may_exceed:
            return rows, rows.slice(0, 0)
        starts, ends = (
            np.array([getattr(span, edge, 0) for span in spans], dtype=np.int64) for edge in ("start_us", "end_us")
        )
        stamps, places = rows["ts_us"].to_numpy(), rows["file_index"].to_numpy()
        is_own = (stamps >= starts[places]) & (stamps < ends[places])
        if is_own.all():
            return rows, rows.slice(0, 0)
        return rows.filter(pa.array(is_own)), rows.filter(pa.array(~is_own))

    def _doubts(self, checked: CheckedBars) -> list[TimeRange]:
        """Return the time that rejected rows put in doubt: their own bars, or a whole file with rows of another time.

        Such a file is not what it says it is, and proves no absence.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        is_outside = pc.is_in(checked.rejected["reason"], pa.array([NO_TIME, OUTSIDE_RANGE]))
        places = set(checked.rejected.filter(is_outside)["file_index"].to_pylist())
        spans = [span for place in sorted(places) if (span := self.layer[place].span) is not None]
        return [*spans, *checked.slots]

    def _rows_of(self, ticker: str) -> pa.Table | None:
        if ticker not in self.rows.grouper:
            return None
        table = self.rows.grouper.bars(ticker, without=self.rows.broken)
        return table if table.num_rows else None

    def _covered(self, ticker: str, table: pa.Table | None) -> tuple[TimeRange, ...]:
        import numpy as np

        counts = np.bincount(table["file_index"].to_numpy() if table is not None else [], minlength=len(self.layer))
        is_named = self.named is not None and ticker in self.named
        return union(
            bounds
            for place, one in enumerate(self.layer)
            if place not in self.rows.broken
            for bounds in one.covers(ticker, has_rows=bool(counts[place]), is_named=is_named)
        )

    def _suspect(self, ticker: str) -> list[TimeRange]:
        """The spans of files in which a line that is no row may have been this ticker's."""
        spans = []
        for rejected in self.rows.rejected:
            span = self.layer[rejected.file_index].span
            if rejected.ticker in {None, ticker} and span is not None:
                spans.append(span)
        return spans


def _why_not_storable(ticker: str) -> str | None:
    try:
        encode_ticker(ticker)
    except TickerError as error:
        return str(error)
    return None
