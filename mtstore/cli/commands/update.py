"""`mtstore update`: fetch from the last coverage to the last closed bar, and again what may have changed since."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

import mtstore
from mtstore.cli.options import FILE, Tickers, quiet_option, store_argument


@click.command(short_help="Fetch the bars since the last coverage.")
@store_argument
@click.option("--config", "config_file", type=FILE, required=True, help="Names the source of each ticker.")
@click.option("--tickers", type=Tickers(), help="Only these; default: the universe.")
@click.option("--plan", is_flag=True, help="Show what would be requested and what it costs, and fetch nothing.")
@click.option("--yes", is_flag=True, help="Fetch even if it costs more than the sources' max_cost_usd.")
@quiet_option
def command(store: Path, config_file: Path, tickers: list[str] | None, *, plan: bool, yes: bool, quiet: bool) -> int:
    """Fetch, for each ticker of FILE, from its last coverage to the last closed bar.

    A ticker without coverage in STORE is an error: `ingest --config` with --start defines where it begins. Of what is
    covered, only stale bars that were fetched within cache.settle_days of their day are requested again. A killed run
    continues where it stopped, so that it suits a crontab:

    \b
      15 17 * * 1-5  mtstore update ~/market --config ~/polygon.yaml --quiet
    """
    from mtstore.cli.fetch_output import fetch_and_report, print_plan
    from mtstore.config import load_config
    from mtstore.ingest.network.ingest_network import plan_update, update_network

    config = load_config(config_file)
    with mtstore.open(store) as found:
        if plan:
            return print_plan(plan_update(found.repository, config, tickers=tickers))
        run = partial(update_network, found.repository, config, tickers=tickers)
        return fetch_and_report(run, found, config, is_cost_allowed=yes, is_quiet=quiet)
