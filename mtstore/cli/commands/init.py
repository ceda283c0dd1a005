"""`mtstore init`: create an empty store."""

from __future__ import annotations

from pathlib import Path

import click

import mtstore
from mtstore.cli.console import echo
from mtstore.cli.options import store_argument


@click.command(short_help="Create an empty store.")
@store_argument
def command(store: Path) -> None:
    """Create an empty store in the folder STORE.

    Its views exist from the start, typed and empty. An existing store is not changed.
    """
    from mtstore.storage.layout import Layout

    existed = Layout(store.expanduser().resolve()).is_store()
    with mtstore.open(store, create=True) as created:
        echo(f"{created.path} is already a store" if existed else f"created an empty store at {created.path}")
        echo(f"next: mtstore ingest {store} FILES…")
