"""`mtstore query`: one SQL statement over a store."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import mtstore
from mtstore.cli.options import Output, output_options, store_argument


@click.command(short_help="Run SQL over the store's views and macros.")
@store_argument
@click.argument("sql")
@output_options
@click.option("--timezone", metavar="TZ", default="UTC", show_default=True, help="Zone of the shown instants.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Stop the statement after this time; default: never.")
@click.option("--memory-limit", metavar="SIZE", help="Limit of DuckDB, such as 2GB; above it, data spills to disk.")
@click.option("--unsafe", is_flag=True, help="Allow any statement, with your permissions to read and write.")
def command(
    store: Path,
    sql: str,
    *,
    output: Output,
    timezone: str,
    timeout: float | None,
    memory_limit: str | None,
    unsafe: bool,
) -> None:
    """Run the statement SQL over STORE; `-` reads it from stdin.

    Views: bars, bars_local, tickers, sessions, files, coverage, … Macros: resampled, aligned_outer, aligned_inner,
    aligned_ffill, … `mtstore sql` lists them all.

    The statement may be SELECT, WITH, FROM, VALUES, PIVOT, DESCRIBE, SUMMARIZE, SHOW, or EXPLAIN of these. It reads the
    files of the store and no others, and changes nothing.

    \b
    Examples:
      mtstore query ./market "SELECT ticker, count(*) AS bars FROM bars GROUP BY ALL ORDER BY ALL"
      mtstore query ./market "FROM resampled(['AAPL'], INTERVAL 1 HOUR, start_ts := DATE '2023-01-03')"
      mtstore query ./market "FROM bars WHERE ticker = 'AAPL' AND year = 2023" -o aapl.parquet
      mtstore query ./market - --format csv --timeout 60 --memory-limit 2GB < question.sql
    """
    from mtstore.bounds import parse_zone
    from mtstore.cli.console import echo_warning
    from mtstore.cli.stream_results import in_zone, opened
    from mtstore.query.sandbox.user_query import QueryLimits

    bounds = QueryLimits(timeout, memory_limit, unsafe)
    if unsafe:
        echo_warning("--unsafe: the statement may read and write any file that you may, including the store's")
    zone = parse_zone(timezone).key
    statement = sys.stdin.read() if sql == "-" else sql
    with mtstore.open(store) as found, opened(found, statement, bounds) as (schema, batches):
        output.write(*in_zone(zone, schema, batches))
