"""`mtstore migrate`: old caches into a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import mtstore
from mtstore.cli.console import count, say, say_error, say_warning
from mtstore.cli.exit_codes import Exit
from mtstore.cli.options import output_options, store_argument

if TYPE_CHECKING:
    import pyarrow as pa

    from mtstore.ingest.legacy.migrate import MigrationResult


@click.command(short_help="Take over the caches that came before the store.")
@store_argument
@click.argument("path", type=click.Path(path_type=Path), metavar="PATH")
@click.option("--dry-run", is_flag=True, help="Only say what would be done; the store is neither made nor changed.")
@click.option("--source", metavar="NAME", help="The name under which the bars are stored. Default: own.")
@click.option("--schema", metavar="SCHEMA", help="ohlcv-1m, …; default: as names say, else as the rows tell.")
@click.option("--tz", metavar="TZ", default="America/New_York", show_default=True,
              help="Zone of times without one, and of the days in names.")  # fmt: skip
@click.option("--create", is_flag=True, help="Make the store if there is none.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
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
    format_: str | None,
    output: Path | None,
    rows: int,
) -> int:
    """Take the bars of an old cache under PATH into STORE. PATH is only read.

    \b
    What is known:
      TICKER/2023-01-01_2023-01-31.parquet               with metadata.json
      symbol=TICKER/year=2023/month=01/day=03/….parquet
      TICKER_20240101_20240701_ohlcv_1min.parquet        (.csv, .csv.gz)
      TICKER.csv, TICKER_5min.parquet                    in one folder

    The result is a table: one row per ticker and schema, with the rows of the files, those that must stand in the
    store, and those that do. The same migration again changes nothing.

    \b
    Examples:
      mtstore migrate ./market ./cache_dir --dry-run
      mtstore migrate ./market ./cache_dir --create
      mtstore migrate ./market ./csv --schema ohlcv-1m --tz UTC --source mine
    """
    from mtstore.cli.formats import choose_format, write_result
    from mtstore.cli.progress import show_progress
    from mtstore.ingest.legacy.migrate import migrate

    kind = choose_format(format_, output)
    if dry_run:
        report = migrate(None, path, source=source, schema=schema, tz=tz)
    else:
        with mtstore.open(store, create=create) as found, show_progress(is_quiet=quiet) as progress:
            report = migrate(found.repository, path, source=source, schema=schema, tz=tz, progress=progress)
    table = _table(report)
    write_result(table.schema, table.to_batches(), kind, output, table_rows=rows if rows and output is None else None)
    return _tell(report)


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


def _tell(report: MigrationResult) -> int:
    for outcome in report.rejected:
        say_error(f"{outcome.path}: rejected: {outcome.error}")
    for path in report.unknown:
        say_warning(f"{path}: passed over: no file of an old cache")
    for one in report.tickers:
        if report.ingest is not None and not one.is_verified:
            lost = one.rows_expected - one.rows_stored - one.rows_quarantined
            say_error(f"{one.ticker} {one.schema}: {count(lost, 'bar')} of the files did not arrive")
    files = sum(one.files for one in report.tickers)
    if report.ingest is None:
        say(f"dry run: {count(files, 'file')} would go in, {len(report.rejected):,} rejected; nothing was changed")
    else:
        unchanged = sum(outcome.status == "unchanged" for outcome in report.ingest.files)
        migrated = count(files - unchanged, "file")
        say(f"{migrated} migrated, {unchanged:,} known already, {len(report.rejected):,} rejected")
    if report.metadata:
        say(f"metadata of {count(len(report.metadata), 'ticker')}")
    if not report.tickers:
        return Exit.REFUSED
    is_whole = report.is_complete and not any(one.rows_quarantined for one in report.tickers)
    return Exit.OK if is_whole else Exit.INCOMPLETE
