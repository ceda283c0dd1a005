"""`mtstore publish`: a copy of the database file for elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

import mtstore
from mtstore.cli.options import store_argument


@click.command(short_help="Copy the database file for another machine.")
@store_argument
@click.option(
    "--to", "to", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The copy."
)
@click.option("--materialize", is_flag=True, help="Put all bars inside; the copy then needs no other file.")
@click.option("--path-prefix", metavar="FOLDER", help="Where its reader sees the store, such as /mnt/store.")
def command(store: Path, to: Path, *, materialize: bool, path_prefix: str | None) -> None:
    """Write the newest snapshot of STORE as a database file of its own, in one step.

    As it is, its views read the parquet files of STORE. With --materialize it holds all bars; with --path-prefix its
    views read them under another folder, for a container or a machine where STORE is mounted there. (A reader that
    sees them elsewhere says SET VARIABLE mtstore_root = '/elsewhere'.) Everything in `main` works as in STORE.
    """
    from mtstore.cli.console import bytes_text, say

    with mtstore.open(store) as found:
        path = found.publish(to, materialize=materialize, path_prefix=path_prefix)
    say(f"{path}: {bytes_text(path.stat().st_size)}")
