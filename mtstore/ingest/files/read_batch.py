"""Reading a layer of inputs into a grouper, so that a broken file leaves nothing behind and holds nobody up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mtstore.errors import IngestError
from mtstore.ingest.files.group_by_ticker import TickerGrouper, in_batches
from mtstore.ingest.files.input_file import Input, RejectedRow

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_RUN = 1_500_000


@dataclass(slots=True)
class BatchRows:
    """What reading a layer gave.

    Attributes
    ----------
    broken
        Inputs (by place) that cannot be read to their end, with why; their rows in the grouper do not count.
    rejected
        Pieces of inputs that are no rows.
    rows
        How many rows each input (by place) gave.
    """

    grouper: TickerGrouper
    broken: dict[int, IngestError] = field(default_factory=dict)
    rejected: list[RejectedRow] = field(default_factory=list)
    rows: Counter[int] = field(default_factory=Counter)


def read_batch(
    layer: Sequence[Input],
    tickers: Collection[str] | None,
    grouper: TickerGrouper,
    on_files: Callable[[int, int], None],
) -> BatchRows:
    """Read every input of a layer; `on_files` hears how many files and rows are done."""
    found = BatchRows(grouper)
    # Regrouping one lot, which takes one core, overlaps with reading the next.
    with ThreadPoolExecutor(1, thread_name_prefix="mtstore-regroup") as pool:
        pending = None
        for table in in_batches(_tables(layer, tickers, found, on_files), ROWS_PER_RUN):
            if pending is not None:
                pending.result()
            pending = pool.submit(grouper.add, table)
        if pending is not None:
            pending.result()
    return found


def _tables(
    layer: Sequence[Input],
    tickers: Collection[str] | None,
    found: BatchRows,
    on_files: Callable[[int, int], None],
) -> Iterator[pa.Table]:
    done = 0
    for lot in type(layer[0]).lots(layer):
        yield from _read_lot(layer, lot, tickers, found)
        done += len(lot)
        on_files(done, found.rows.total())


def _read_lot(
    layer: Sequence[Input], lot: Sequence[int], tickers: Collection[str] | None, found: BatchRows
) -> Iterator[pa.Table]:
    """The tables of a lot; if one of its files is broken, of each of the others by itself."""
    import numpy as np

    try:
        for table, rejected in type(layer[0]).read(layer, lot, tickers):
            found.rejected += rejected
            counts = np.bincount(table["file_index"].to_numpy(), minlength=len(layer))
            found.rows.update({place: int(counts[place]) for place in lot})
            yield table
    except IngestError as error:
        if len(lot) == 1:
            found.broken[lot[0]] = error
            return
        for place in lot:
            yield from _read_lot(layer, [place], tickers, found)
