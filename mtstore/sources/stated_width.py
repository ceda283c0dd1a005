"""Compare the distances of bars' times with the width that is stated for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtstore.bars import step_us
from mtstore.ranges import US_PER_DAY

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FEWEST_ROWS = 4  # fewer distances prove nothing
_DAY_US = US_PER_DAY - 3_600_000_000  # a day on which clocks go forward
_UNITS = (("d", US_PER_DAY), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000))


def width_error(times: npt.NDArray[np.int64], schema: str) -> str | None:
    """Return why times (µs, sorted, unique) cannot be those of bars of an intraday schema, or None."""
    import numpy as np

    if len(times) < _FEWEST_ROWS:
        return None
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
        f"{off:,} of {len(times):,} rows are off the grid of {schema}; the rows are {_width_text(smallest)} apart: "
        f"is the schema ohlcv-{_width_text(smallest)}?"
    )


def wider_step(times: npt.NDArray[np.int64], schema: str) -> int:
    """Return the step of the grid on which all times are, if it is wider than the schema's; else 0.

    Steps of a day are `width_error`'s.
    """
    import numpy as np

    if len(times) < _FEWEST_ROWS:
        return 0
    gaps, step = np.diff(times), step_us(schema)
    if int(gaps.min()) < 2 * step:
        return 0
    common = int(np.gcd.reduce(gaps))
    return common if 2 * step <= common < _DAY_US and common % step == 0 else 0


def wider_note(what: str, step: int) -> str:
    """Return the note for bars whose times are all on a wider grid than the schema's."""
    width = _width_text(step)
    return f"{what}: every gap is {width} or a multiple of it: is the schema ohlcv-{width}?"


def _width_text(step: int) -> str:
    """Return a width as schemas have it: `5m`."""
    unit, size = next(((unit, size) for unit, size in _UNITS if step % size == 0), ("us", 1))
    return f"{step // size}{unit}"
