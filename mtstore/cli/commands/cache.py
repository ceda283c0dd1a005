"""`mtstore cache`: list, invalidate, pin and prune what is cached."""

from __future__ import annotations

from pathlib import Path

import click

import mtstore
from mtstore.cli.groups import Group
from mtstore.cli.options import FILE, Output, Tickers, output_options, store_argument

_CONFIG = click.option("--config", "config_file", type=FILE, help="Its sections cache and sources apply.")


@click.group(cls=Group, short_help="List, invalidate, pin and prune what is cached.")
def command() -> None:
    """List the cache, mark it as stale, pin tickers, or enforce the size limit."""


@command.command("ls")
@store_argument
@click.option("--derived", is_flag=True, help="List cached results instead of bars.")
@output_options
def ls(store: Path, *, derived: bool, output: Output) -> None:
    """List the series of STORE: size, age, expiry and last use; the view `cache_index`."""
    import pyarrow as pa

    from mtstore.query.cache.result_cache import cached_results

    with mtstore.open(store) as found:
        if derived:
            kept = list(cached_results(found.repository))
            instant = pa.timestamp("us", tz="UTC")
            columns = {
                "key": pa.array([one.path.name for one in kept], pa.string()),
                "tickers": pa.array([list(one.tickers) for one in kept], pa.list_(pa.string())),
                "byte_size": pa.array([one.byte_size for one in kept], pa.int64()),
                "made_at": pa.array([one.made_at for one in kept], instant),
                "used_at": pa.array([one.used_at for one in kept], instant),
            }
            table = pa.table(columns)
        else:
            table = found.sql("FROM cache_index ORDER BY ticker, source, schema").to_arrow()
    output.write_table(table)


@command.command("invalidate")
@store_argument
@click.option("--tickers", type=Tickers(), help="Only these.")
@click.option("--source", metavar="NAME", help="Only bars of this source.")
@click.option("--schema", metavar="NAME", help="Only these bars, like ohlcv-1m.")
@click.option("--start", metavar="TIME", help="Only this range; give --end, too.")
@click.option("--end", metavar="TIME", help="The end of the range; a date is included.")
@click.option("--all", "everything", is_flag=True, help="Everything; needed where nothing else is given.")
@_CONFIG
def invalidate(
    store: Path,
    *,
    tickers: list[str] | None,
    source: str | None,
    schema: str | None,
    start: str | None,
    end: str | None,
    config_file: Path | None,
    everything: bool,
) -> None:
    """Mark bars of STORE as stale, so that they are requested again. They stay until newer ones replace them.

    \b
    Examples:
      mtstore cache invalidate ./market --tickers AAPL --start 2023-03-01 --end 2023-03-31
      mtstore cache invalidate ./market --source polygon
      mtstore cache invalidate ./market --all
    """
    from mtstore.cli.console import echo
    from mtstore.config import load_config
    from mtstore.errors import InputError
    from mtstore.loader.cache_manager import CacheManager

    if not everything and not any((tickers, source, schema, start, end)):
        raise InputError("invalidate: give --tickers, --source, --schema, --start and --end, or --all")
    config = load_config(config_file if config_file is not None else {})
    with mtstore.open(store) as found, CacheManager(config, store=found) as cache:
        names: list[str] | list[None] = tickers or [None]
        stale = sum(cache.invalidate(name, start, end, source=source, schema=schema) for name in names)
    echo(f"{stale:,} series will be requested again")


@command.command("prune")
@store_argument
@_CONFIG
@click.option("--max-size-gb", type=click.FloatRange(min=0), metavar="GB", help="Instead of cache.max_size_gb.")
def prune(store: Path, config_file: Path | None, max_size_gb: float | None) -> None:
    """Enforce the size limit of STORE: cached results first, then, with cache.evict: refetchable, fetched bars.

    The least recently used goes first. Pinned tickers and bars from files stay.
    """
    from mtstore.cli.console import count, echo
    from mtstore.config import load_config
    from mtstore.loader.cache_manager import CacheManager

    config = load_config(config_file if config_file is not None else {})
    with mtstore.open(store) as found, CacheManager(config, store=found) as cache:
        gone = cache.prune(max_size_gb=max_size_gb)
    what = count(len(gone.partitions), "partition")
    echo(f"{gone.bytes / 1e6:,.1f} MB removed: {gone.derived_bytes / 1e6:,.1f} MB of cached results, and {what}")


@command.command("pin")
@store_argument
@click.argument("tickers", nargs=-1)
@click.option("--remove", is_flag=True, help="Remove the pins instead.")
def pin(store: Path, tickers: tuple[str, ...], *, remove: bool) -> None:
    """Pin TICKERS of STORE: their bars are never evicted. Prints all pinned tickers.

    \b
    Examples:
      mtstore cache pin ./market AAPL MSFT
      mtstore cache pin ./market AAPL --remove
      mtstore cache pin ./market
    """
    from mtstore.cli.console import write_stdout
    from mtstore.storage.settings import pins

    with mtstore.open(store) as found:
        held = pins.pin(found.repository, tickers, is_pinned=not remove) if tickers else pins.pinned(found.repository)
    for name in held:
        write_stdout(f"{name}\n")
