"""`mtstore rebuild`: derive the database file again."""

from __future__ import annotations

from pathlib import Path

import click

from mtstore.cli.options import store_argument


@click.command(short_help="Derive the database file again.")
@store_argument
def command(store: Path) -> None:
    """Derive the database file of STORE from `data/` and `meta/` alone.

    For a store that was moved or copied, or whose database file was lost or damaged. The bars do not change.
    """
    from mtstore.cli.console import echo
    from mtstore.storage.repository import Repository

    root = store.expanduser().resolve()
    snapshot = Repository.rebuild_at(root)
    echo(f"rebuilt the database file of {root}: snapshot {snapshot}")
