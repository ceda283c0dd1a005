"""`mtstore compact`: fewer, larger files."""

from __future__ import annotations

from pathlib import Path

import click

import mtstore
from mtstore.cli.options import Tickers, store_argument


@click.command(short_help="Merge the files of each partition.")
@store_argument
@click.option("--tickers", type=Tickers(), help="Only these.")
def command(store: Path, tickers: list[str] | None) -> None:
    """Merge each partition's files of STORE into one.

    Rows, coverage and answers stay the same; the merged files are deleted once no reader can need them. Ingest does
    this by itself where a partition would hold more than eight files.
    """
    from mtstore.cli.console import count, say

    with mtstore.open(store) as found:
        done = found.compact(tickers)
    say(f"merged {count(done.partitions, 'partition')}: {done.files_before:,} files before, {done.files_after:,} after")
