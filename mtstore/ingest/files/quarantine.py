"""Collect the rows that may not be stored as bars, with reason and origin, by ticker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mtstore.bars import BarBatch, arrow_schema
from mtstore.ingest.files.inputs.input_file import Input, RejectedRow

if TYPE_CHECKING:
    import pyarrow as pa


class Quarantine:
    """The rejected rows of one batch of inputs."""

    def __init__(self, batch: Sequence[Input]) -> None:
        self._batch = batch
        self._bad: dict[str, list[pa.Table]] = defaultdict(list)
        self._rejected: dict[str, list[RejectedRow]] = defaultdict(list)

    def add(self, ticker: str, bad: pa.Table) -> None:
        """Add rows with the columns of bars, `reason` and `file_index`."""
        if bad.num_rows:
            self._bad[ticker].append(bad)

    def reject(self, rejected: RejectedRow) -> None:
        """Add a line that is not a row; without a ticker it is stored under the empty name."""
        self._rejected[rejected.ticker or ""].append(rejected)

    def bar_batches(self) -> Iterator[BarBatch]:
        """Yield one bar batch a ticker, with quarantined rows and no bars."""
        import pyarrow as pa

        lines = self._lines()
        first = self._batch[0]
        for ticker in sorted({*self._bad, *self._rejected}):
            tables = [self._with_origin(ticker, bad, lines) for bad in self._bad[ticker]]
            if self._rejected[ticker]:
                tables.append(_rejected_rows(self._rejected[ticker]))
            yield BarBatch(
                first.binding,
                first.schema,
                ticker,
                (),
                arrow_schema().empty_table(),
                result="quarantined",
                quarantined=pa.concat_tables(tables),
            )

    def _lines(self) -> dict[tuple[int, str, int], int]:
        """Return the line of every bad row by place, ticker and ts_us; each file is read once."""
        rows_of: dict[int, set[tuple[str, int]]] = defaultdict(set)
        for ticker, tables in self._bad.items():
            for bad in tables:
                for place, stamp in _places_and_times(bad):
                    rows_of[place].add((ticker, stamp))
        return {
            (place, ticker, stamp): line
            for place, rows in rows_of.items()
            for (ticker, stamp), line in self._batch[place].locate(rows).items()
        }

    def _with_origin(self, ticker: str, bad: pa.Table, lines: dict[tuple[int, str, int], int]) -> pa.Table:
        import pyarrow as pa

        origins = []
        for place, stamp in _places_and_times(bad):
            line = lines.get((place, ticker, stamp))
            path = self._batch[place].path
            origins.append(f"{path}:{line}" if line else str(path))
        return bad.drop_columns(["file_index"]).append_column("origin", pa.array(origins, pa.string()))


def _places_and_times(bad: pa.Table) -> Iterator[tuple[int, int]]:
    return zip(bad["file_index"].to_pylist(), bad["ts_event"].cast("int64").to_pylist(), strict=True)


def _rejected_rows(rejected: Sequence[RejectedRow]) -> pa.Table:
    """Return rows of which only reason and origin are known."""
    import pyarrow as pa

    columns = {field.name: pa.nulls(len(rejected), field.type) for field in arrow_schema()}
    columns["reason"] = pa.array([one.reason for one in rejected], pa.string())
    columns["origin"] = pa.array([one.origin for one in rejected], pa.string())
    return pa.table(columns)
