"""`mtstore migrate`: take over the caches of older versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import mtstore
from mtstore.cli.console import count, echo, echo_error, echo_warning
from mtstore.cli.exit_codes import Exit
from mtstore.cli.options import Output, output_options, quiet_option, store_argument

if TYPE_CHECKING:
    import pyarrow as pa

    from mtstore.ingest.legacy.migrate import MigrationResult


@click.command(short_help="Take over the caches of older versions.")
@store_argument
@click.argument("path", type=click.Path(path_type=Path), metavar="PATH")
@click.option("--dry-run", is_flag=True, help="Report what would be done; do not create or change the store.")
@click.option("--source", metavar="NAME", help="Name of the source of the bars. Default: own.")
@click.option("--schema", metavar="SCHEMA", help="ohlcv-1m, …; default: by file name, else inferred from the rows.")
@click.option("--tz", metavar="TZ", default="America/New_York", show_default=True,
              help="Zone of times without an offset, and of the days in names.")  # fmt: skip
@click.option("--create", is_flag=True, help="Create the store if it does not exist.")
@quiet_option
@output_options
def command(
    store: Path,
    path: Path,
    *,
    dry_run: bool,
    source: str | None,
    schema: str | None,
    tz: str,
    create: bool,
    quiet: bool,
    output: Output,
) -> int:
    """Take the bars of an old cache under PATH into STORE. PATH is only read.

    \b
    Recognised layouts:
      TICKER/2023-01-01_2023-01-31.parquet               with metadata.json
      symbol=TICKER/year=2023/month=01/day=03/….parquet
      TICKER_20240101_20240701_ohlcv_1min.parquet        (.csv, .csv.gz)
      TICKER.csv, TICKER_5min.parquet                    in one folder

    The result is a table, one row per ticker and schema: rows of the files, rows expected in the store, rows stored.
    Repeating a migration changes nothing.

    \b
    Examples:
      mtstore migrate ./market ./cache_dir --dry-run
      mtstore migrate ./market ./cache_dir --create
      mtstore migrate ./market ./csv --schema ohlcv-1m --tz UTC --source mine
    """
    from mtstore.cli.progress import show_progress
    from mtstore.ingest.legacy.migrate import migrate

    if dry_run:
        report = migrate(None, path, source=source, schema=schema, tz=tz)
    else:
        with mtstore.open(store, create=create) as found, show_progress(is_quiet=quiet) as progress:
            report = migrate(found.repository, path, source=source, schema=schema, tz=tz, progress=progress)
    output.write_table(_table(report))
    return _print_result(report)


def _table(report: MigrationResult) -> pa.Table:
    import pyarrow as pa

    columns = ("ticker", "schema", "layout", "files", "rows_in_files", "rows_expected", "rows_stored",
               "rows_quarantined", "is_verified")  # fmt: skip
    kinds = [pa.string()] * 3 + [pa.int64()] * 5 + [pa.bool_()]
    is_dry = report.ingest is None
    arrays = []
    for name, kind in zip(columns, kinds, strict=True):
        is_unknown = is_dry and name in {"rows_stored", "rows_quarantined", "is_verified"}
        values = [None if is_unknown else getattr(one, name) for one in report.tickers]
        arrays.append(pa.array(values, kind))
    return pa.table(arrays, names=list(columns))


def _print_result(report: MigrationResult) -> int:
    for outcome in report.rejected:
        echo_error(f"{outcome.path}: rejected: {outcome.error}")
    for path in report.unknown:
        echo_warning(f"{path}: skipped: not a file of an old cache")
    for one in report.tickers:
        if report.ingest is not None and not one.is_verified:
            lost = one.rows_expected - one.rows_stored - one.rows_quarantined
            echo_error(f"{one.ticker} {one.schema}: {count(lost, 'bar')} of the files were not stored")
    files = sum(one.files for one in report.tickers)
    if report.ingest is None:
        echo(
            f"dry run: {count(files, 'file')} would be ingested, {len(report.rejected):,} rejected; nothing was changed"
        )
    else:
        unchanged = sum(outcome.status == "unchanged" for outcome in report.ingest.files)
        migrated = count(files - unchanged, "file")
        echo(f"{migrated} migrated, {unchanged:,} unchanged, {len(report.rejected):,} rejected")
    if report.metadata:
        echo(f"metadata of {count(len(report.metadata), 'ticker')}")
    if not report.tickers:
        return Exit.REJECTED
    is_whole = report.is_complete and not any(one.rows_quarantined for one in report.tickers)
    return Exit.OK if is_whole else Exit.INCOMPLETE
