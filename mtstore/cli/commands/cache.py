"""`mtstore cache`: what is kept, until when, and what may go."""

from __future__ import annotations

from pathlib import Path

import click

import mtstore
from mtstore.cli.options import Tickers, output_options, store_argument

_CONFIG = click.option(
    "--config", "config_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Its cache section and sources count.",
)  # fmt: skip


@click.group(short_help="What is kept, until when, and what may go.")
def command() -> None:
    """List what the cache holds, call it stale, or make room."""


@command.command("ls")
@store_argument
@click.option("--derived", is_flag=True, help="The results that were computed, not the bars.")
@output_options
def ls(store: Path, format_: str | None, output: Path | None, rows: int, *, derived: bool) -> None:
    """List the series of STORE: sizes, ages, when they go stale, when they were last used; the view `cache_index`."""
    import pyarrow as pa

    from mtstore.cli.formats import choose_format, write_result
    from mtstore.query.cache.result_cache import cached_results

    with mtstore.open(store) as found:
        if derived:
            instant = pa.timestamp("us", tz="UTC")
            schema = pa.schema(
                [
                    ("key", pa.string()),
                    ("tickers", pa.list_(pa.string())),
                    ("byte_size", pa.int64()),
                    ("made_at", instant),
                    ("used_at", instant),
                ]
            )
            facts = (
                (e.path.name, list(e.tickers), e.byte_size, e.made_at, e.used_at)
                for e in cached_results(found.repository)
            )
            table = pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in facts], schema)
        else:
            table = found.sql("FROM cache_index ORDER BY ticker, source, schema").to_arrow()
    table_rows = rows if rows and output is None else None
    write_result(table.schema, table.to_batches(), choose_format(format_, output), output, table_rows=table_rows)


@command.command("invalidate")
@store_argument
@click.option("--tickers", type=Tickers(), help="Only these.")
@click.option("--source", metavar="NAME", help="Only what came from this source.")
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
    """Call what STORE holds stale, so that it is asked for again. Bars stay until newer ones replace them.

    \b
    Examples:
      mtstore cache invalidate ./market --tickers AAPL --start 2023-03-01 --end 2023-03-31
      mtstore cache invalidate ./market --source polygon
      mtstore cache invalidate ./market --all
    """
    from mtstore.cli.console import say
    from mtstore.config import load_config
    from mtstore.errors import InputError
    from mtstore.loader.cache_manager import CacheManager

    if not everything and not any((tickers, source, schema, start, end)):
        raise InputError("say what is stale: --tickers, --source, --schema, --start and --end, or --all")
    config = load_config(config_file if config_file is not None else {})
    with mtstore.open(store) as found, CacheManager(config, store=found) as cache:
        names: list[str] | list[None] = tickers or [None]
        stale = sum(cache.invalidate(name, start, end, source=source, schema=schema) for name in names)
    say(f"{stale:,} series will be asked for again")


@command.command("prune")
@store_argument
@_CONFIG
@click.option("--max-size-gb", type=click.FloatRange(min=0), metavar="GB", help="Instead of cache.max_size_gb.")
def prune(store: Path, config_file: Path | None, max_size_gb: float | None) -> None:
    """Make room in STORE: derived results first, then, with cache.evict: refetchable, bars that a vendor has, too.

    What was used longest ago goes first. Pinned tickers and what came from files stay.
    """
    from mtstore.cli.console import count, say
    from mtstore.config import load_config
    from mtstore.loader.cache_manager import CacheManager

    config = load_config(config_file if config_file is not None else {})
    with mtstore.open(store) as found, CacheManager(config, store=found) as cache:
        gone = cache.prune(max_size_gb=max_size_gb)
    what = count(len(gone.partitions), "partition")
    say(f"{gone.bytes / 1e6:,.1f} MB went: {gone.derived_bytes / 1e6:,.1f} MB of derived results, and {what}")
