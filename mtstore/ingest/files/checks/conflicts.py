"""Find custom files of one run that disagree on a bar: neither is newer than the other, so none of them is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mtstore.bars import VALUE_COLUMNS
from mtstore.errors import BrokenFileError
from mtstore.ingest.files.inputs.input_file import Input
from mtstore.ingest.files.read_batch import BatchRows
from mtstore.ranges import iso_instant

if TYPE_CHECKING:
    import pyarrow as pa


def find_conflicts(batch: Sequence[Input], rows: BatchRows) -> dict[int, BrokenFileError]:
    """Return the inputs (by place) whose bars differ from those of another one, each with an error that names both."""
    found: dict[int, BrokenFileError] = {}
    if len(batch) == 1 or not batch[0].is_custom:
        return found
    for ticker in rows.grouper.tickers():
        for one, other, ts_us in _disagreements(rows.grouper.bars(ticker, without=rows.broken)):
            for place, beside in ((one, other), (other, one)):
                text = (
                    f"{batch[place].path}: its bar of {ticker} at {iso_instant(ts_us)} differs from that of "
                    f"{batch[beside].path}; if the ticker is in the files' names, set `ticker_from: file` in the "
                    "mapping, else ingest the file that is right in a run of its own"
                )
                found.setdefault(place, BrokenFileError(text))
    return found


def _disagreements(rows: pa.Table) -> list[tuple[int, int, int]]:
    """Return the first bar on which each pair of files differs: both places, and its time in microseconds."""
    import numpy as np

    places = rows["file_index"].to_numpy()
    if len(places) == 0 or bool((places == places[0]).all()):
        return []
    stamps = rows["ts_us"].to_numpy()
    order = np.argsort(stamps, kind="stable")
    is_repeated = (stamps[order][1:] == stamps[order][:-1]) & (places[order][1:] != places[order][:-1])
    first, second = order[:-1][is_repeated], order[1:][is_repeated]
    differs = np.zeros(len(first), dtype=bool)
    for name in (name for name in VALUE_COLUMNS if name in rows.column_names):
        values = rows[name].to_numpy().astype(np.float64)
        one, other = values[first], values[second]
        differs |= ~((one == other) | (np.isnan(one) & np.isnan(other)))
    if "publisher_id" in rows.column_names:  # bars of several venues are aggregated
        publishers = rows["publisher_id"].to_numpy()
        differs &= publishers[first] == publishers[second]
    pairs = {
        (int(places[one]), int(places[other])): int(stamps[one])
        for one, other in zip(first[differs][::-1], second[differs][::-1], strict=True)
    }
    return [(*pair, ts_us) for pair, ts_us in sorted(pairs.items())]
