"""`mtstore query`: one SQL statement over a store."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import mtstore
from mtstore.cli.options import output_options, store_argument


@click.command(short_help="Run SQL over the store's views and macros.")
@store_argument
@click.argument("sql")
@output_options
@click.option("--timezone", metavar="TZ", default="UTC", show_default=True, help="Zone in which instants are shown.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Stop the statement after that; default: never.")
@click.option("--memory", metavar="SIZE", help="Most memory that DuckDB takes, such as 2GB; more spills to disk.")
@click.option("--unsafe", is_flag=True, help="Let any statement run, with all that you may read and write.")
def command(
    store: Path,
    sql: str,
    *,
    format_: str | None,
    output: Path | None,
    rows: int,
    timezone: str,
    timeout: float | None,
    memory: str | None,
    unsafe: bool,
) -> None:
    """Run the statement SQL over STORE; `-` reads it from stdin.

    Views: bars, bars_local, tickers, sessions, files, coverage, … Macros: resampled, aligned_outer, aligned_inner,
    aligned_ffill, … `mtstore sql` lists them all.

    One statement that reads may run: SELECT, WITH, FROM, VALUES, PIVOT, DESCRIBE, SUMMARIZE, SHOW, or EXPLAIN of these.
    It sees the files of the store and no others, and changes nothing.

    \b
    Examples:
      mtstore query ./market "SELECT ticker, count(*) AS bars FROM bars GROUP BY ALL ORDER BY ALL"
      mtstore query ./market "FROM resampled(['AAPL'], INTERVAL 1 HOUR, start_ts := DATE '2023-01-03')"
      mtstore query ./market "FROM bars WHERE ticker = 'AAPL' AND year = 2023" -o aapl.parquet
      mtstore query ./market - --format csv --timeout 60 --memory 2GB < question.sql
    """
    from mtstore.bounds import parse_zone
    from mtstore.cli.console import say_warning
    from mtstore.cli.formats import choose_format, write_result
    from mtstore.cli.stream_results import opened, shown_in
    from mtstore.query.sandbox.user_query import QueryLimits

    bounds = QueryLimits(timeout, memory, unsafe)
    if unsafe:
        say_warning("--unsafe: the statement may read and write any file that you may, the store's included")
    kind = choose_format(format_, output)
    zone = parse_zone(timezone).key
    statement = sys.stdin.read() if sql == "-" else sql
    with mtstore.open(store) as found, opened(found, statement, bounds) as (schema, batches):
        table_rows = rows if rows and output is None else None
        write_result(*shown_in(zone, schema, batches), kind, output, table_rows=table_rows)
