"""The floor: no engine can do less than decode the columns and touch the memory of the result."""

from __future__ import annotations

import mmap
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tests.benchmarks.contenders.aligned import COLUMNS, FIELDS, Ask
from tests.benchmarks.worker import Job

if TYPE_CHECKING:
    import numpy as np

_THREADS = 2


def decode_and_touch(parameters: dict[str, Any]) -> Job:
    """Decode, file by file, on two threads; then write to every page of an array as large as the wide result."""
    ask = Ask.of(parameters)
    _decode(ask.warm_up())

    def work() -> np.ndarray:
        import numpy as np

        length = _decode(ask)
        # Ordinary pages: the huge ones that numpy would ask for take anything between half and five times as long.
        memory = mmap.mmap(-1, 8 * length * len(ask.tickers) * len(FIELDS))
        result: np.ndarray = np.frombuffer(memory)

        def touch(part: np.ndarray) -> None:
            part[::512] = 0.0

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(touch, np.array_split(result, 8)))
        return result

    return Job(work)


def decode(parameters: dict[str, Any]) -> Job:
    """Decode alone, where the result is small."""
    ask = Ask.of(parameters)
    _decode(ask.warm_up())
    return Job(lambda: _decode(ask))


def _decode(ask: Ask) -> int:
    """Decode what the ask needs; gives the most rows of any ticker, which is nearly the grid's length."""
    import pyarrow.parquet as pq

    def rows(paths: list[Any]) -> int:
        total = 0
        for path in paths:
            with pq.ParquetFile(path, memory_map=True) as source:
                total += source.read(columns=list(COLUMNS), use_threads=False).num_rows
        return total

    with ThreadPoolExecutor(_THREADS) as pool:
        return max(pool.map(rows, ask.files().values()))
