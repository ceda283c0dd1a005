"""`mtstore ingest`: vendor files into a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import mtstore
from mtstore.cli.console import count, say, say_error
from mtstore.cli.exits import Exit
from mtstore.cli.options import Tickers, store_argument

if TYPE_CHECKING:
    from mtstore.bars import TimeRange
    from mtstore.ingest.report import IngestReport

_FORMATS = ("polygon-flatfile", "dbn", "parquet", "csv")


@click.command(short_help="Put vendor files into a store.")
@store_argument
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
@click.option("--format", "format_", type=click.Choice(_FORMATS), help="Default: recognised by content.")
@click.option("--source", metavar="NAME", help="Default: polygon, or databento- and the dataset.")
@click.option("--schema", metavar="SCHEMA", help="ohlcv-1m, ohlcv-1d, …; where the format does not say.")
@click.option("--tickers", type=Tickers(), help="Only these; a flat file then covers its day for all of them.")
@click.option("--map", "mapping", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="How to read the columns of parquet or CSV files of your own (YAML).")  # fmt: skip
@click.option("--covers", metavar="START/END", help="The range that files of your own speak for (UTC).")
@click.option("--create", is_flag=True, help="Make the store if there is none.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    store: Path, paths: tuple[Path, ...], *, create: bool, quiet: bool, covers: str | None, **options: Any
) -> int:
    """Put the files, folders and globs PATH… into STORE.

    \b
    What is taken:
      polygon-flatfile  Polygon/Massive minute_aggs_v1 and day_aggs_v1, .csv or .csv.gz
      dbn               Databento ohlcv-1s, -1m, -1h, -1d: .dbn or .dbn.zst, versions 1 to 3
      parquet, csv      files of your own, with --map and --schema

    A file that went in before is passed over. A broken file is refused, with its name and place, and the others go in;
    rows that no market can have made (high below low, a negative volume) are kept aside in the view `quarantine`. Both
    show in the exit code 3.

    \b
    Examples:
      mtstore ingest ./market flatfiles/us_stocks_sip/minute_aggs_v1/2023
      mtstore ingest ./market '2023-01-*.csv.gz' --tickers AAPL,MSFT
      mtstore ingest ./market xnas-itch-2023.ohlcv-1m.dbn.zst
      mtstore ingest ./market mine.csv --map mine.yaml --schema ohlcv-1m --source mine
    """
    from mtstore.cli.progress import show_progress

    given = _ingest_options(covers, **options)
    with mtstore.open(store, create=create) as found, show_progress(is_quiet=quiet) as progress:
        report = found.ingest(list(paths), progress=progress, **given)
    return _tell(report)


def _ingest_options(
    covers: str | None,
    *,
    format_: str | None,
    source: str | None,
    schema: str | None,
    tickers: list[str] | None,
    mapping: Path | None,
) -> dict[str, Any]:
    given: dict[str, Any] = {"format": format_, "source": source, "schema": schema, "tickers": tickers}
    if mapping is not None:
        from mtstore.sources.own import read_mapping

        given["mapping"] = read_mapping(mapping)
    if covers is not None:
        given["covers"] = _read_covers(covers)
    return given


def _read_covers(text: str) -> TimeRange:
    """Two dates (UTC days, the last included) or two instants, with a slash between, as a half-open range."""
    from mtstore.bars import TimeRange
    from mtstore.errors import RangeError
    from mtstore.timeranges import parse_bounds

    start, _, end = text.partition("/")
    if not start or not end:
        raise RangeError(f"--covers {text!r}: two dates or instants with a slash between, like 2023-01-01/2023-12-31")
    start_us, end_us = parse_bounds(start, end).as_utc_days_us()
    return TimeRange(start_us, end_us)


def _tell(report: IngestReport) -> int:
    for outcome in report.refused:
        say_error(f"{outcome.path}: refused: {outcome.error}")
    unchanged = sum(outcome.status == "unchanged" for outcome in report.files)
    ingested = len(report.files) - unchanged - len(report.refused)
    say(f"{count(ingested, 'file')} ingested, {unchanged:,} known already, {len(report.refused):,} refused")
    if ingested:
        rate = f"{report.seconds:.1f} s, {report.rows / max(report.seconds, 1e-6):,.0f} rows/s"
        say(f"{count(report.rows, 'bar')} of {count(report.tickers, 'ticker')}: {rate}")
    if report.quarantined_rows:
        say(f"{count(report.quarantined_rows, 'row')} quarantined; see: mtstore query STORE 'FROM quarantine'")
    if report.refused and not ingested and not unchanged:
        return Exit.REFUSED
    return Exit.OK if report.is_complete else Exit.INCOMPLETE
