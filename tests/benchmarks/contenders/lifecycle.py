"""Starting up, ingesting, updating day by day, and what the bars take on disk."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.contenders.with_duckdb import statement
from tests.benchmarks.data import flat_files, market_files
from tests.benchmarks.worker import Job

if TYPE_CHECKING:
    import mtstore

_STARTS = 7

_HELP = "import sys; sys.argv[1:] = ['--help']; from mtstore.cli.main import main; main()"

_LOAD_DAY = """
import mtstore
loader = mtstore.MultiTickerDataLoader({"multi_ticker": {"store": %r, "tickers": {%r: {}}}})
assert len(loader.load_data(%r, %r))
"""


def python_statements(parameters: dict[str, Any]) -> Job:
    """A fresh interpreter that runs some statements."""
    return _start([sys.executable, "-c", parameters["statements"]])


def help_page(parameters: dict[str, Any]) -> Job:
    """`mtstore --help`."""
    del parameters
    return _start([sys.executable, "-c", _HELP])


def load_a_day(parameters: dict[str, Any]) -> Job:
    """A fresh interpreter that loads one session of one ticker."""
    store, day = parameters["store"], parameters["day"]
    ticker = sorted(market_files(Path(store)))[0]
    return _start([sys.executable, "-c", _LOAD_DAY % (store, ticker, day, day)])


def ingest(parameters: dict[str, Any]) -> Job:
    """Some flat files into a store that is empty."""
    files = flat_files(Path(parameters["folder"]))[: parameters["days"]]
    cleanup, store = _empty_store(parameters)

    def work() -> int:
        report = store.ingest(files)
        assert report.is_complete, report
        return int(report.rows)

    return Job(work, figures=lambda rows: {"rows": rows}, close=cleanup.close)


def bare_csv(parameters: dict[str, Any]) -> Job:
    """DuckDB parses all columns of the same files and keeps nothing."""
    import duckdb

    files = [str(path) for path in flat_files(Path(parameters["folder"]))[: parameters["days"]]]
    connection = duckdb.connect()

    def work() -> int:
        connection.execute(statement("set_files"), [files])
        row = connection.execute(statement("bare_csv")).fetchone()
        return int(row[0]) if row else 0

    return Job(work, figures=lambda rows: {"rows": rows})


def daily_updates(parameters: dict[str, Any]) -> Job:
    """One flat file after the other into one store, as a nightly job does."""
    files = flat_files(Path(parameters["folder"]))
    cleanup, store = _empty_store(parameters)

    def work() -> list[float]:
        seconds = []
        for path in files:
            began = time.perf_counter()
            store.ingest(path)
            seconds.append(time.perf_counter() - began)
        return seconds

    def figures(seconds: Sequence[float]) -> dict[str, float]:
        fifth = max(len(seconds) // 5, 1)
        paths = [row[0] for row in store.sql(statement("file_paths")).fetchall()]
        first, last = statistics.median(seconds[:fifth]), statistics.median(seconds[-fifth:])
        return {
            "seconds": statistics.median(seconds),
            "first_fifth_seconds": first,
            "last_fifth_seconds": last,
            "growth": last / first,
            "slowest_seconds": max(seconds),
            "files_per_partition": max(Counter(str(Path(path).parent) for path in paths).values()),
        }

    return Job(work, figures=figures, close=cleanup.close)


def stored_bytes(parameters: dict[str, Any]) -> Job:
    """Bytes a bar in the store's parquet files."""
    import pyarrow.parquet as pq

    paths = [path for found in market_files(Path(parameters["store"])).values() for path in found]
    rows = sum(pq.read_metadata(path).num_rows for path in paths)
    size = sum(path.stat().st_size for path in paths)
    return Job(lambda: None, figures=lambda _: {"bytes_per_bar": size / rows, "rows": rows})


def arctic_bytes(parameters: dict[str, Any]) -> Job:
    """Bytes a bar in ArcticDB, as it counts them itself: compressed data and keys, without LMDB's empty pages."""
    import arcticdb

    library = arcticdb.Arctic(f"lmdb://{parameters['arctic']}?map_size=64GB")["bars"]
    rows = sum(library.get_description(symbol).row_count for symbol in library.list_symbols())
    sizes = library.admin_tools().get_sizes()
    size = sum(one.bytes_compressed for one in sizes.values())
    return Job(lambda: None, figures=lambda _: {"bytes_per_bar": size / rows, "rows": rows})


def _start(command: list[str]) -> Job:
    # Bytecode is kept, as it is of everything that was installed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def work() -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)

    work()
    return Job(work, repeat=_STARTS)


def _empty_store(parameters: dict[str, Any]) -> tuple[ExitStack, mtstore.Store]:
    """A new store in a folder of its own, and what clears it away."""
    import mtstore

    cleanup = ExitStack()
    place = cleanup.enter_context(tempfile.TemporaryDirectory(dir=parameters["scratch"]))
    return cleanup, cleanup.enter_context(mtstore.open(Path(place) / "store", create=True))
