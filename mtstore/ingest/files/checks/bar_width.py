"""Compare the distances of a custom file's times with the width that its mapping states."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mtstore.arguments import first_few
from mtstore.bars import is_daily, step_us
from mtstore.errors import BrokenFileError
from mtstore.ingest.files.input_file import Input
from mtstore.ingest.files.read_batch import BatchRows
from mtstore.ranges import US_PER_DAY

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FEWEST_ROWS = 4  # fewer distances prove nothing
_DAY_US = US_PER_DAY - 3_600_000_000  # a day on which clocks go forward
_UNITS = (("d", US_PER_DAY), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000))


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
            if len(times) < _FEWEST_ROWS:
                errors[place].append(None)
                continue
            errors[place].append(_error(times, schema))
            if step := _wider_step(times, schema):
                wider[step].append(ticker)
    for place, texts in errors.items():
        if all(texts):
            found.broken[place] = BrokenFileError(f"{batch[place].path}: {texts[0]}")
    found.notes = [
        f"{first_few(tickers)}: every gap is {_width(step)} or a multiple of it: is the schema ohlcv-{_width(step)}?"
        for step, tickers in sorted(wider.items())
        if step < _DAY_US
    ]
    return found


def _error(times: npt.NDArray[np.int64], schema: str) -> str | None:
    """Return why the times cannot be those of bars of a schema, or None."""
    import numpy as np

    gaps, step = np.diff(times), step_us(schema)
    smallest = int(gaps.min())
    if smallest >= _DAY_US:
        return f"its rows are a day or more apart, but the schema is {schema}: is it ohlcv-1d?"
    if smallest >= step:
        return None
    # A series may have a grid of its own, such as hours from 09:30.
    off = len(times) - int(np.unique(times % step, return_counts=True)[1].max())
    if 2 * off <= len(times):
        return None
    return (
        f"{off:,} of {len(times):,} rows are off the grid of {schema}; the rows are {_width(smallest)} apart: "
        f"is the schema ohlcv-{_width(smallest)}?"
    )


def _wider_step(times: npt.NDArray[np.int64], schema: str) -> int:
    """Return the step of the grid on which all times are, if it is wider than the schema's; else 0."""
    import numpy as np

    gaps, step = np.diff(times), step_us(schema)
    if int(gaps.min()) < 2 * step:
        return 0
    common = int(np.gcd.reduce(gaps))
    return common if common >= 2 * step and common % step == 0 else 0


def _width(step: int) -> str:
    """Return a width as schemas have it: `5m`."""
    unit, size = next(((unit, size) for unit, size in _UNITS if step % size == 0), ("us", 1))
    return f"{step // size}{unit}"
