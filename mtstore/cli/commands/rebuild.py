"""`mtstore rebuild`: the database file anew."""

from __future__ import annotations

from pathlib import Path

import click

from mtstore.cli.options import store_argument


@click.command(short_help="Make the database file anew.")
@store_argument
def command(store: Path) -> None:
    """Make the database file of STORE anew from `data/` and `meta/` alone.

    For a store that was moved or copied, or whose database file was lost or damaged. The bars are not touched.
    """
    from mtstore.cli.console import say
    from mtstore.errors import StoreNotFoundError
    from mtstore.store import Store

    root = store.expanduser().resolve()
    with Store(root) as found:
        if not found.layout.is_store():
            raise StoreNotFoundError(f"no store at {root}; `mtstore init {root}` makes one")
        generation = found.rebuild()
    say(f"made the database file of {root} anew: generation {generation}")
