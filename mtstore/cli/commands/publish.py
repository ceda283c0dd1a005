"""`mtstore publish`: copy the database file for another machine."""

from __future__ import annotations

from pathlib import Path

import click

import mtstore
from mtstore.cli.options import FILE, store_argument


@click.command(short_help="Copy the database file for another machine.")
@store_argument
@click.option("--to", type=FILE, required=True, help="The copy.")
@click.option("--materialize", is_flag=True, help="Put all bars inside, so that the copy needs no other file.")
@click.option("--path-prefix", metavar="FOLDER", help="Where its readers see the store, such as /mnt/store.")
def command(store: Path, to: Path, *, materialize: bool, path_prefix: str | None) -> None:
    """Write the newest snapshot of STORE as a separate database file, in one step.

    By default its views read the parquet files of STORE. With --materialize it contains all bars. With --path-prefix
    its views read them under another folder, for a container or a machine that mounts STORE there. (A reader can also
    SET VARIABLE mtstore_root = '/elsewhere'.) All objects in `main` work as in STORE.
    """
    from mtstore.cli.console import bytes_text, echo

    with mtstore.open(store) as found:
        path = found.publish(to, materialize=materialize, path_prefix=path_prefix)
    echo(f"{path}: {bytes_text(path.stat().st_size)}")
