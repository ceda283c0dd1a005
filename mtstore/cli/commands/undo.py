"""`mtstore undo`: take back what a run brought."""

from __future__ import annotations

from pathlib import Path

import click

import mtstore
from mtstore.cli.options import store_argument


@click.command(short_help="Take back what a run brought.")
@store_argument
@click.argument("run", required=False)
def command(store: Path, run: str | None) -> None:
    """Take back what RUN brought to STORE: by default the newest run that is not undone.

    Its bars and coverage go, and the bars that it had replaced come back, as a new commit. RUN is a run_id of
    `ingest_runs`, or the beginning of one. A run is refused if a later run or `compact` built on its bars, or if the
    bars that it replaced are deleted because the grace period is over.
    """
    from mtstore.cli.console import count, echo

    with mtstore.open(store) as found:
        done = found.undo(run)
    names = f"{', '.join(done.tickers[:5])}{', …' if len(done.tickers) > 5 else ''}"
    echo(
        f"undone: run {done.run_id}, {count(len(done.tickers), 'ticker')}: {names}; "
        f"files with {done.rows_removed:,} bars taken back, with {done.rows_restored:,} restored"
    )
