"""Rows that may not be stored: kept with the reason and the file and line they came from, ticker by ticker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mtstore.bars import BarBatch, arrow_schema
from mtstore.ingest.files.input_file import Input, RejectedRow

if TYPE_CHECKING:
    import pyarrow as pa


class Quarantine:
    """Bad rows of one layer of inputs."""

    def __init__(self, layer: Sequence[Input]) -> None:
        self._layer = layer
        self._bad: dict[str, list[pa.Table]] = defaultdict(list)
        self._rejected: dict[str, list[RejectedRow]] = defaultdict(list)

    def add(self, ticker: str, bad: pa.Table) -> None:
        """Take rows with the columns of bars, `reason` and `file_index`."""
        if bad.num_rows:
            self._bad[ticker].append(bad)

    def reject(self, rejected: RejectedRow) -> None:
        """Take a piece of input that is no row; without a ticker it stands under the empty name."""
        self._rejected[rejected.ticker or ""].append(rejected)

    def answers(self) -> Iterator[BarBatch]:
        """One answer a ticker that holds nothing but its quarantined rows."""
        lines = self._lines()
        for ticker in sorted({*self._bad, *self._rejected}):
            tables = [self._with_origin(ticker, bad, lines) for bad in self._bad[ticker]]
            if self._rejected[ticker]:
                tables.append(_rejected_rows(self._rejected[ticker]))
            first = self._layer[0]
            yield BarBatch(
                first.binding,
                first.schema,
                ticker,
                (),
                arrow_schema().empty_table(),
                result="quarantined",
                quarantined=_concat(tables),
            )

    def _lines(self) -> dict[tuple[int, str, int], int]:
        """The line of every bad row, each file read once: by place, ticker and ts_us."""
        wanted: dict[int, set[tuple[str, int]]] = defaultdict(set)
        for ticker, tables in self._bad.items():
            for bad in tables:
                stamps = bad["ts_event"].cast("int64").to_pylist()
                for place, stamp in zip(bad["file_index"].to_pylist(), stamps, strict=True):
                    wanted[place].add((ticker, stamp))
        return {
            (place, ticker, stamp): line
            for place, rows in wanted.items()
            for (ticker, stamp), line in self._layer[place].locate(rows).items()
        }

    def _with_origin(self, ticker: str, bad: pa.Table, lines: dict[tuple[int, str, int], int]) -> pa.Table:
        import pyarrow as pa

        origins = []
        stamps = bad["ts_event"].cast("int64").to_pylist()
        for place, stamp in zip(bad["file_index"].to_pylist(), stamps, strict=True):
            line = lines.get((place, ticker, stamp))
            path = self._layer[place].path
            origins.append(f"{path}:{line}" if line else str(path))
        return bad.drop_columns(["file_index"]).append_column("origin", pa.array(origins, pa.string()))


def _rejected_rows(rejected: Sequence[RejectedRow]) -> pa.Table:
    """Rows that have nothing but a reason and an origin."""
    import pyarrow as pa

    columns = {field.name: pa.nulls(len(rejected), field.type) for field in arrow_schema()}
    columns["reason"] = pa.array([one.reason for one in rejected], pa.string())
    columns["origin"] = pa.array([one.origin for one in rejected], pa.string())
    return pa.table(columns)


def _concat(tables: list[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(tables)
