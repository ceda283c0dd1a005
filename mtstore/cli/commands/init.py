"""`mtstore init`: an empty store."""

from __future__ import annotations

from pathlib import Path

import click

import mtstore
from mtstore.cli.console import say
from mtstore.cli.options import store_argument


@click.command(short_help="Make an empty store.")
@store_argument
def command(store: Path) -> None:
    """Make an empty store in the folder STORE.

    Its views exist from the start, typed and empty. A store that is there already is left as it is.
    """
    from mtstore.storage.layout import Layout

    existed = Layout(store.expanduser().resolve()).is_store()
    with mtstore.open(store, create=True) as made:
        say(f"{made.path} is a store already" if existed else f"made an empty store at {made.path}")
        say(f"next: mtstore ingest {store} FILES…")
