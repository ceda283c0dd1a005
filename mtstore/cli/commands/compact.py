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

    Rows, coverage and results stay the same. The merged files are deleted after the grace period. Ingest merges a
    partition by itself before it would hold more than eight files.
    """
    from mtstore.cli.console import count, echo

    with mtstore.open(store) as found:
        done = found.compact(tickers)
    echo(
        f"merged {count(done.partitions, 'partition')}: {done.files_before:,} files before, {done.files_after:,} after"
    )
