"""Turn the rows of a batch of inputs into one bar batch a ticker."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mtstore.bars import BarBatch, arrow_schema, is_daily, step_us
from mtstore.errors import TickerError
from mtstore.ingest.files.inputs.input_extent import InputExtents
from mtstore.ingest.files.inputs.input_file import Input, RejectedRow
from mtstore.ingest.files.quarantine import Quarantine
from mtstore.ingest.files.read_batch import BatchRows
from mtstore.ranges import TimeRange, intersect, normalise, subtract, union
from mtstore.sources.bar_grid import ceil_us
from mtstore.sources.bar_rules import check_bars
from mtstore.sources.checked_bars import NO_TIME, OUTSIDE_RANGE, CheckedBars
from mtstore.storage.layout import encode_ticker

if TYPE_CHECKING:
    import pyarrow as pa


FROM_THE_FILE = "taken from the file"
"""The reason of coverage that a custom file or frame has by its rows alone."""


@dataclass(slots=True)
class BatchBars:
    """The bars of a batch, one ticker at a time.

    Attributes
    ----------
    selected
        The tickers that the caller selected; None: all there are.
    collapsed
        The number of rows that repeated others.
    extents
        The extent of each input, once `bars_of` was called for every ticker.
    """

    batch: Sequence[Input]
    rows: BatchRows
    selected: Collection[str] | None
    quarantine: Quarantine
    collapsed: int = 0
    extents: InputExtents = field(init=False)

    def __post_init__(self) -> None:
        self.extents = InputExtents(self.batch, self.selected)

    def tickers(self) -> list[str]:
        """Return the tickers with rows, and those that the caller or an input names."""
        named = self.selected
        if named is None:
            intact = (one for place, one in enumerate(self.batch) if place not in self.rows.broken)
            named = {ticker for one in intact for ticker in one.named_tickers()}
        return sorted({*self.rows.grouper.tickers(), *named})

    def bars_of(self, ticker: str) -> BarBatch | None:
        """Return the bars of a ticker and the ranges they cover; None if there are neither."""
        table = self._rows_of(ticker)
        covered = self._covered(ticker, table)
        first = self.batch[0]
        is_by_rows = first.span is None and first.is_custom
        bars = arrow_schema().empty_table()
        suspect = self._ranges_of_rejected(ticker)
        request = dict(first.request())
        if table is not None:
            self.extents.observe(ticker, table)
            request = _publishers_of(table) | request
            table, strays = self._split_strays(ticker, table)
            if strays.num_rows:
                suspect += self._doubtful(ticker, self._check(ticker, strays, ()))
            checked = self._check(ticker, table, None if first.allows_rows_outside else covered or None)
            suspect += self._doubtful(ticker, checked)
            bars = checked.bars
            if is_by_rows:
                covered = self._extents_of_rows(table, bars)
        try:
            encode_ticker(ticker)
        except TickerError as error:
            self.quarantine.reject(RejectedRow(0, str(first.path), f"{bars.num_rows} bars: {error}", ticker))
            return None
        if not covered and bars.num_rows == 0:
            return None
        return BarBatch(
            first.binding,
            first.schema,
            ticker,
            subtract(covered, suspect),
            bars,
            result=("complete" if bars.num_rows else "empty") if covered else "partial",
            reason=FROM_THE_FILE if covered and is_by_rows else None,
            partial_ranges=intersect(covered, suspect),
            withdraws=first.withdraws,
            day_tz=first.zone_of(ticker),
            final=True,
            request=request,
        )

    def _check(self, ticker: str, rows: pa.Table, ranges: tuple[TimeRange, ...] | None) -> CheckedBars:
        """Check a ticker's rows by the rules for bars, and quarantine those that violate one."""
        import pyarrow.compute as pc

        first = self.batch[0]
        checked = check_bars(
            {name: rows[name].to_numpy() for name in rows.column_names},
            schema=first.schema,
            day_tz=first.zone_of(ticker),
            ranges=ranges,
            allows_negative_prices=first.allows_negative(ticker),
            calendar=first.calendar_of(ticker),
            allows_missing_volume=first.allows_missing_volume,
            allows_own_grid=first.allows_own_grid,
        )
        self.collapsed += checked.repeated
        rejected = checked.rejected
        if first.outside_note and rejected.num_rows:
            noted = pc.replace_substring(rejected["reason"], OUTSIDE_RANGE, OUTSIDE_RANGE + first.outside_note)
            rejected = rejected.set_column(rejected.column_names.index("reason"), "reason", noted)
        self.quarantine.add(ticker, rejected)
        return checked

    def _split_strays(self, ticker: str, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Split off the rows outside of their own file's span, which another file of the batch should have."""
        import numpy as np
        import pyarrow as pa

        if len(self.batch) == 1 or self.batch[0].allows_rows_outside:
            return rows, rows.slice(0, 0)
        stamps, places = rows["ts_us"].to_numpy(), rows["file_index"].to_numpy()
        ranges = [self._ranges_of(place, ticker) for place in range(len(self.batch))]
        starts, ends = (
            np.array([getattr(ones[0], edge) if ones else 0 for ones in ranges], dtype=np.int64)
            for edge in ("start_us", "end_us")
        )
        is_inside = (stamps >= starts[places]) & (stamps < ends[places])
        for place, one in [(place, one) for place, ones in enumerate(ranges) for one in ones[1:]]:
            is_inside |= (places == place) & (stamps >= one.start_us) & (stamps < one.end_us)
        if is_inside.all():
            return rows, rows.slice(0, 0)
        return rows.filter(pa.array(is_inside)), rows.filter(pa.array(~is_inside))

    def _ranges_of(self, place: int, ticker: str) -> tuple[TimeRange, ...]:
        """Return what a file (by place) covers for a ticker that is in it."""
        return self.batch[place].covered_ranges(ticker, has_rows=True, is_named=True)

    def _doubtful(self, ticker: str, checked: CheckedBars) -> list[TimeRange]:
        """Return the time that rejected rows put in doubt: that of their own bars, or all of a file.

        A file with rows of another time is not what its name says. It proves no absence of bars.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        is_outside = pc.is_in(checked.rejected["reason"], pa.array([NO_TIME, OUTSIDE_RANGE]))
        places = set(checked.rejected.filter(is_outside)["file_index"].to_pylist())
        return [*(one for place in sorted(places) for one in self._ranges_of(place, ticker)), *checked.slots]

    def _rows_of(self, ticker: str) -> pa.Table | None:
        if ticker not in self.rows.grouper:
            return None
        table = self.rows.grouper.bars(ticker, without=self.rows.broken)
        return table if table.num_rows else None

    def _covered(self, ticker: str, table: pa.Table | None) -> tuple[TimeRange, ...]:
        import numpy as np

        counts = np.bincount(table["file_index"].to_numpy() if table is not None else [], minlength=len(self.batch))
        is_named = self.selected is not None and ticker in self.selected
        return union(
            bounds
            for place, one in enumerate(self.batch)
            if place not in self.rows.broken
            for bounds in one.covered_ranges(ticker, has_rows=bool(counts[place]), is_named=is_named)
        )

    def _extents_of_rows(self, rows: pa.Table, bars: pa.Table) -> tuple[TimeRange, ...]:
        """Return the time from each file's first bar to the end of its last one."""
        import numpy as np

        if not bars.num_rows:
            return ()
        schema, day_tz = self.batch[0].schema, self.batch[0].day_tz
        valid = bars["ts_event"].cast("int64").to_numpy()
        stamps, places = rows["ts_us"].to_numpy(), rows["file_index"].to_numpy()
        found = []
        for place in np.unique(places).tolist():
            times = stamps[(places == place) & (stamps >= valid[0]) & (stamps <= valid[-1])]
            if len(times):
                last = int(times.max())
                end = ceil_us(last + 1, schema, day_tz) if is_daily(schema) else last + step_us(schema)
                found.append(TimeRange(int(times.min()), end))
        return normalise(found)

    def _ranges_of_rejected(self, ticker: str) -> list[TimeRange]:
        """Return the spans of files with a line that cannot be read and may have been this ticker's."""
        places = [one.file_index for one in self.rows.rejected if one.ticker in {None, ticker}]
        return [one for place in places for one in self._ranges_of(place, ticker)]


def _publishers_of(rows: pa.Table) -> dict[str, list[int]]:
    """Return the publishers (venues) of some rows as a part of their request; empty if the rows name none."""
    import pyarrow.compute as pc

    if "publisher_id" not in rows.column_names:
        return {}
    found = pc.unique(rows["publisher_id"]).drop_null().to_pylist()
    return {"publishers": sorted(found)} if found else {}
