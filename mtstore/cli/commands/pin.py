"""`mtstore pin`: tickers whose bars are never evicted."""

from __future__ import annotations

from pathlib import Path

import click

import mtstore
from mtstore.cli.options import store_argument


@click.command(short_help="Pin tickers, so that their bars are never evicted.")
@store_argument
@click.argument("tickers", nargs=-1)
@click.option("--remove", is_flag=True, help="Let them go instead.")
def command(store: Path, tickers: tuple[str, ...], *, remove: bool) -> None:
    """Pin TICKERS of STORE: whatever `cache.evict` says, their bars stay. Prints all that are pinned.

    \b
    Examples:
      mtstore pin ./market AAPL MSFT
      mtstore pin ./market AAPL --remove
      mtstore pin ./market
    """
    from mtstore.cli.console import put
    from mtstore.storage.settings.pins import pin, pinned

    with mtstore.open(store) as found:
        held = pin(found.repository, tickers, is_pinned=not remove) if tickers else pinned(found.repository)
    for name in held:
        put(f"{name}\n")
