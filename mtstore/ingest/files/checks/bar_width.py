"""Compare the distances of a custom file's times with the width that its mapping states."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from mtstore.arguments import first_few
from mtstore.bars import is_daily
from mtstore.errors import BrokenFileError
from mtstore.ingest.files.inputs.input_file import Input
from mtstore.ingest.files.read_batch import BatchRows
from mtstore.sources.stated_width import wider_note, wider_step, width_error


@dataclass(slots=True)
class WidthCheck:
    """Inputs (by place) whose bars have another width, with an error, and notes about those that seem to."""

    broken: dict[int, BrokenFileError] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def check_widths(batch: Sequence[Input], rows: BatchRows) -> WidthCheck:
    """Check each ticker of each intraday file; a file is refused if all its tickers have another width."""
    import numpy as np

    schema = batch[0].schema
    found = WidthCheck()
    if is_daily(schema) or not batch[0].is_custom:
        return found
    errors: dict[int, list[str | None]] = defaultdict(list)
    wider: dict[int, list[str]] = defaultdict(list)
    for ticker in rows.grouper.tickers():
        table = rows.grouper.bars(ticker, without=rows.broken)
        stamps, places = table["ts_us"].to_numpy(), table["file_index"].to_numpy()
        for place in np.unique(places).tolist() if len(batch) > 1 else [0]:
            times = stamps[places == place] if len(batch) > 1 else stamps
            if not bool((times[1:] > times[:-1]).all()):
                times = np.unique(times)
            errors[place].append(width_error(times, schema))
            if step := wider_step(times, schema):
                wider[step].append(ticker)
    for place, texts in errors.items():
        if all(texts):
            found.broken[place] = BrokenFileError(f"{batch[place].path}: {texts[0]}")
    found.notes = [wider_note(first_few(tickers), step) for step, tickers in sorted(wider.items())]
    return found
