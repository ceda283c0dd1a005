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
    from mtstore.storage.repository import Repository

    root = store.expanduser().resolve()
    snapshot = Repository.rebuild_at(root)
    say(f"made the database file of {root} anew: snapshot {snapshot}")
