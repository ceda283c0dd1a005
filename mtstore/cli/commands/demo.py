"""`mtstore demo`: ingest, align and query made-up data, without keys or network."""

from __future__ import annotations

import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

import mtstore
from mtstore import sqlfiles
from mtstore.cli.console import count, echo, write_stdout
from mtstore.cli.options import FOLDER
from mtstore.shipped_files import shipped_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from mtstore.ingest.files.report import IngestResult
    from mtstore.synthetic.demo_month import DemoFiles

START: Final = "2023-11-01"
END: Final = "2023-11-30"
"""A month with a change of clocks, a holiday and a half day."""


@click.command(short_help="Try it, without keys or network.")
@click.argument("store", type=FOLDER, default=Path("mtstore-demo"))
def command(store: Path) -> None:
    """Create a store at STORE (default: ./mtstore-demo) from made-up vendor files; align five tickers over a month.

    The files go through the real ingest paths: minute bars of an exchange's real calendar, with pre- and post-market,
    thin minutes and a halt (view `gaps`), a row that cannot be a bar (`quarantine`), a bad print that a second file
    corrects (`revisions`) and a split (`splits`). The configuration `quickstart.yaml` is applied: its five tickers are
    the universe (`aligned`). A second run skips the files as unchanged.
    """
    from mtstore.config import load_config
    from mtstore.storage.settings.apply_config import apply_config
    from mtstore.synthetic.demo_month import write_demo_files

    config = load_config(shipped_folder("configs") / "quickstart.yaml")
    tickers = sorted(config.multi_ticker.tickers)
    with tempfile.TemporaryDirectory() as folder:
        with _timed("made a month of vendor files for five tickers") as details:
            files = write_demo_files(Path(folder), START, END)
            details.append(count(len(files.bars), "flat file"))
        with mtstore.open(store, create=True) as found:
            with _timed(f"ingested them into {store}") as details:
                details.append(_ingest(found, files))
            apply_config(found.repository, config)
            _show(found, store, tickers)
    _print_next_steps(store, tickers)


def _ingest(found: mtstore.Store, files: DemoFiles) -> str:
    from mtstore.ingest.files.report import IngestWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IngestWarning)  # the summary counts the rejected row
        first = None if found.tickers() else found.ingest_files(files.bars)
        # All files in one call: those of an earlier run are skipped, although a later file replaced one of them.
        both = found.ingest_files([*files.bars, *files.corrected])
        found.ingest_references(splits=files.splits)
    return _describe(first or both)


def _show(found: mtstore.Store, store: Path, tickers: list[str]) -> None:
    from mtstore.cli.formats import write_result

    alignment = {"resampling": "5min", "adjust": "splits"}
    config = {"store": str(store), "tickers": tickers, "alignment": alignment}
    with _timed("aligned five tickers at 5 minutes") as details:
        with mtstore.MultiTickerDataLoader(config) as loader:
            frame = loader.load_data(START, END)
        details.append(f"{count(len(frame), 'row')} x {count(frame.shape[1], 'column')}")
    echo("\nThe first rows (close and volume):")
    write_stdout(_head(frame) + "\n")
    echo("\nCovered ranges:")
    covered = found.sql(sqlfiles.load("snapshot.coverage_summary")).to_arrow()
    write_result(covered.schema, covered.to_batches(), "table", None, table_rows=None)


def _head(frame: pd.DataFrame) -> str:
    shown = [name for name in frame.columns if name.endswith(("_close", "_volume"))]
    return str(frame[shown].head(8).to_string(float_format=lambda value: f"{value:,.2f}"))


@contextmanager
def _timed(label: str) -> Iterator[list[str]]:
    began = time.monotonic()
    details: list[str] = []
    yield details
    echo(f"{label}: {', '.join(details)}, {time.monotonic() - began:.2f} s")


def _describe(report: IngestResult) -> str:
    unchanged = sum(outcome.status == "unchanged" for outcome in report.files)
    if unchanged == len(report.files):
        return "all of them unchanged"
    rate = report.rows / report.seconds if report.seconds else 0.0
    quarantined = f", {count(report.quarantined_rows, 'row')} quarantined" if report.quarantined_rows else ""
    return f"{count(report.rows, 'bar')}{quarantined}, {rate:,.0f} rows/s"


def _print_next_steps(store: Path, tickers: list[str]) -> None:
    echo(
        f"""
Next, in Python:
    import mtstore
    alignment = {{"resampling": "5min", "adjust": "splits"}}
    config = {{"store": "{store}", "tickers": {tickers}, "alignment": alignment}}
    frame = mtstore.MultiTickerDataLoader(config).load_data("{START}", "{END}")

In any DuckDB client, read-only:
    duckdb -readonly {store}/market.duckdb
    FROM aligned_outer(['AAPL', 'MSFT'], INTERVAL 5 MINUTE, start_ts := DATE '{START}', end_ts := DATE '{END}');

Here:
    mtstore query {store} "FROM aligned ORDER BY ts_event"
    mtstore query {store} "FROM quarantine"
    mtstore gaps {store} --tickers GOOGL
    mtstore sql aligned_ffill"""
    )
