"""Read a batch of inputs into a ticker grouper; a broken file leaves no rows and does not stop the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mtstore.errors import IngestError
from mtstore.ingest.files.group_by_ticker import TickerGrouper
from mtstore.ingest.files.inputs.input_file import Input, RejectedRow

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_TABLE = 1_500_000


@dataclass(slots=True)
class BatchRows:
    """The rows of a batch.

    Attributes
    ----------
    broken
        Inputs (by place) that cannot be read to their end, with the error; their rows in `grouper` do not count.
    rejected
        Lines that are not rows.
    rows
        The number of rows of each input (by place).
    """

    grouper: TickerGrouper
    broken: dict[int, IngestError] = field(default_factory=dict)
    rejected: list[RejectedRow] = field(default_factory=list)
    rows: Counter[int] = field(default_factory=Counter)


def read_batch(
    batch: Sequence[Input],
    tickers: Collection[str] | None,
    grouper: TickerGrouper,
    on_files: Callable[[int, int], None],
) -> BatchRows:
    """Read every input of a batch; call `on_files` with the numbers of files and rows read so far."""
    found = BatchRows(grouper)
    # Grouping one table, which takes one core, overlaps with reading the next.
    with ThreadPoolExecutor(1, thread_name_prefix="mtstore-group") as pool:
        pending: Future[None] | None = None
        for table in _tables(batch, tickers, found, on_files):
            if pending is not None:
                pending.result()
            pending = pool.submit(grouper.add, table)
        if pending is not None:
            pending.result()
    return found


def _tables(
    batch: Sequence[Input], tickers: Collection[str] | None, found: BatchRows, on_files: Callable[[int, int], None]
) -> Iterator[pa.Table]:
    """Read a batch as tables of about ROWS_PER_TABLE rows."""
    import pyarrow as pa

    parts: list[pa.Table] = []
    files = rows = 0
    for places in type(batch[0]).read_groups(batch):
        for table in _read(batch, places, tickers, found):
            parts.append(table)
            rows += table.num_rows
            if rows >= ROWS_PER_TABLE:
                yield pa.concat_tables(parts)
                parts, rows = [], 0
        files += len(places)
        on_files(files, found.rows.total())
    if parts:
        yield pa.concat_tables(parts)


def _read(
    batch: Sequence[Input], places: Sequence[int], tickers: Collection[str] | None, found: BatchRows
) -> Iterator[pa.Table]:
    import numpy as np

    try:
        for table, rejected in type(batch[0]).read(batch, places, tickers):
            found.rejected += rejected
            counts = np.bincount(table["file_index"].to_numpy(), minlength=len(batch))
            found.rows.update({place: int(counts[place]) for place in places})
            yield table
    except IngestError as error:
        if len(places) == 1:
            found.broken[places[0]] = error
            return
        # One file of the group is broken: read each by itself to find it.
        for place in places:
            yield from _read(batch, [place], tickers, found)
