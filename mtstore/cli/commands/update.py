"""`mtstore update`: from the last coverage to the last closed bar, for cron."""

from __future__ import annotations

from pathlib import Path

import click

import mtstore
from mtstore.cli.options import Tickers, store_argument


@click.command(short_help="Fetch what came since the last time.")
@store_argument
@click.option("--config", "config_file", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Names the sources, and for each ticker which of them.")  # fmt: skip
@click.option("--tickers", type=Tickers(), help="Only these; by default the universe.")
@click.option("--yes", is_flag=True, help="Fetch even if it costs more than the sources' max_cost_usd.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(store: Path, config_file: Path, tickers: list[str] | None, *, yes: bool, quiet: bool) -> int:
    """Fetch, for each ticker of FILE, what came since its last coverage, up to the last closed bar.

    A ticker that STORE has never asked for is an error: `ingest --config` says where it begins. Nothing is asked for
    twice, and a killed run goes on where it was, so that it may stand in a crontab:

    \b
      15 17 * * 1-5  mtstore update ~/market --config ~/polygon.yaml --quiet
    """
    from mtstore.cli.fetch_output import may_spend, show_fetching, tell_report, tell_room
    from mtstore.config import load_config
    from mtstore.ingest.network.ingest_network import update_network

    config = load_config(config_file)
    with mtstore.open(store) as found:
        with show_fetching(is_quiet=quiet) as progress:
            report = update_network(
                found.repository, config, tickers=tickers, confirm_cost=may_spend(is_allowed=yes), progress=progress
            )
        tell_room(found, config)
    return tell_report(report)
