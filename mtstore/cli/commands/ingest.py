"""`mtstore ingest`: ingest files, or fetch from vendors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import mtstore
from mtstore.bars import FILE_FORMATS
from mtstore.cli.console import count, echo, echo_error
from mtstore.cli.exit_codes import Exit
from mtstore.cli.options import Tickers, store_argument

if TYPE_CHECKING:
    from mtstore.ingest.files.report import IngestResult
    from mtstore.ranges import TimeRange


@click.command(short_help="Ingest files, or fetch from vendors.")
@store_argument
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH…]")
@click.option("--format", "format_", type=click.Choice(FILE_FORMATS), help="Default: detected from the content.")
@click.option("--source", metavar="NAME", help="Default: polygon, or databento- and the dataset.")
@click.option("--schema", metavar="SCHEMA", help="ohlcv-1m, ohlcv-1d, …; for formats that do not state it.")
@click.option("--tickers", type=Tickers(), help="Only these; a flat file then covers its day for all of them.")
@click.option("--map", "mapping", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Mapping of the columns of your own parquet or CSV files (YAML).")  # fmt: skip
@click.option("--covers", metavar="START/END", help="The range for which your own files are complete (UTC).")
@click.option("--splits", type=click.Path(path_type=Path, dir_okay=False), multiple=True, metavar="FILE",
              help="Splits: CSV or Polygon's JSON. May be given several times.")  # fmt: skip
@click.option("--dividends", type=click.Path(path_type=Path, dir_okay=False), multiple=True, metavar="FILE",
              help="Cash dividends: CSV or Polygon's JSON. May be given several times.")  # fmt: skip
@click.option("--create", is_flag=True, help="Create the store if it does not exist.")
@click.option("--config", "config_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Fetch over the network: names the sources and the source of each ticker.")  # fmt: skip
@click.option("--start", metavar="WHEN", help="With --config: a date (whole sessions), a wall time, or an instant.")
@click.option("--end", metavar="WHEN", help="With --config: a date is included; default: now.")
@click.option("--plan", is_flag=True, help="With --config: print what would be fetched and its cost; fetch nothing.")
@click.option("--yes", is_flag=True, help="With --config: fetch even if it costs more than max_cost_usd.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    store: Path,
    paths: tuple[Path, ...],
    *,
    create: bool,
    quiet: bool,
    config_file: Path | None,
    start: str | None,
    end: str | None,
    plan: bool,
    yes: bool,
    covers: str | None,
    splits: tuple[Path, ...],
    dividends: tuple[Path, ...],
    **options: Any,
) -> int:
    """Ingest the files, folders and globs PATH… into STORE; with --config and --start, fetch from vendors.

    \b
    Formats:
      polygon-flatfile  Polygon/Massive minute_aggs_v1 and day_aggs_v1, .csv or .csv.gz
      dbn               Databento ohlcv-1s, -1m, -1h, -1d: .dbn or .dbn.zst, versions 1 to 3
      parquet, csv      your own files, with --map and --schema
      --splits          ticker, execution_date, split_from, split_to: CSV, or Polygon's JSON
      --dividends       ticker, ex_dividend_date, cash_amount, optionally currency and dividend_type

    An unchanged file is skipped, unless newer data replaced its bars. A broken file is rejected with name and place,
    and the others are ingested. Rows that cannot be bars (high below low, a negative volume) go to the view
    `quarantine`. Exit code 3: there were rejected files or quarantined rows.

    \b
    Examples:
      mtstore ingest ./market flatfiles/us_stocks_sip/minute_aggs_v1/2023
      mtstore ingest ./market '2023-01-*.csv.gz' --tickers AAPL,MSFT
      mtstore ingest ./market xnas-itch-2023.ohlcv-1m.dbn.zst
      mtstore ingest ./market mine.csv --map mine.yaml --schema ohlcv-1m --source mine
      mtstore ingest ./market --splits splits.csv --dividends dividends.json
      mtstore ingest ./market --config configs/polygon.yaml --start 2023-01-01 --end 2023-12-31 --plan
    """
    from mtstore.cli.progress import show_progress

    if config_file is not None:
        _check_exclusive(paths, covers, options | {"splits": splits or None, "dividends": dividends or None})
        fetch = _Fetch(config_file, start, end, options["tickers"], options["schema"])
        with mtstore.open(store, create=create) as found:
            return fetch.plan(found) if plan else fetch.run(found, may_cost=yes, is_quiet=quiet)
    if not (paths or splits or dividends):
        raise click.UsageError("give files to ingest, or fetch with --config FILE --start WHEN")
    if start or end or plan or yes:
        raise click.UsageError("--start, --end, --plan and --yes go with --config")
    given = _ingest_options(covers, **options)
    codes = []
    with mtstore.open(store, create=create) as found:
        if paths:
            with show_progress(is_quiet=quiet) as progress:
                report = found.ingest_files(paths, progress=progress, **given)
            codes.append(_print_result(report))
        if splits or dividends:
            named = {"source": given["source"]} if given["source"] else {}
            codes.append(_print_result(found.ingest_references(splits=splits, dividends=dividends, **named), "event"))
    return codes[0] if len(set(codes)) == 1 else Exit.INCOMPLETE


@dataclass(frozen=True)
class _Fetch:
    """A range to fetch from vendors."""

    config_file: Path
    start: str | None
    end: str | None
    tickers: list[str] | None
    schema: str | None

    def plan(self, store: mtstore.Store) -> int:
        from mtstore.cli.fetch_output import print_plan
        from mtstore.config import load_config
        from mtstore.ingest.network.ingest_network import plan_network

        config = load_config(self.config_file)
        return print_plan(
            plan_network(store.repository, config, self._start(), self.end, tickers=self.tickers, schema=self.schema)
        )

    def run(self, store: mtstore.Store, *, may_cost: bool, is_quiet: bool) -> int:
        from mtstore.cli.fetch_output import may_spend, print_removed, print_result, show_fetching
        from mtstore.config import load_config
        from mtstore.ingest.network.ingest_network import ingest_network

        config = load_config(self.config_file)
        with show_fetching(is_quiet=is_quiet) as progress:
            report = ingest_network(
                store.repository,
                config,
                self._start(),
                self.end,
                tickers=self.tickers,
                schema=self.schema,
                confirm_cost=may_spend(is_allowed=may_cost),
                progress=progress,
            )
        print_removed(store, config)
        return print_result(report)

    def _start(self) -> str:
        if self.start is None:
            raise click.UsageError("--config needs --start, the begin of the range")
        return self.start


def _check_exclusive(paths: tuple[Path, ...], covers: str | None, options: dict[str, Any]) -> None:
    """Reject options of files in a fetch."""
    names = {
        "format_": "--format",
        "source": "--source",
        "mapping": "--map",
        "splits": "--splits",
        "dividends": "--dividends",
    }
    given = [word for name, word in names.items() if options[name] is not None]
    given += ["PATH"] * bool(paths) + ["--covers"] * (covers is not None)
    if given:
        raise click.UsageError(f"{', '.join(given)} is for files, --config fetches from vendors: use one or the other")


def _ingest_options(
    covers: str | None,
    *,
    format_: str | None,
    source: str | None,
    schema: str | None,
    tickers: list[str] | None,
    mapping: Path | None,
) -> dict[str, Any]:
    given: dict[str, Any] = {
        "format": format_,
        "source": source,
        "schema": schema,
        "tickers": tickers,
        "mapping": mapping,
    }
    if covers is not None:
        given["covers"] = _read_covers(covers)
    return given


def _read_covers(text: str) -> TimeRange:
    """Parse `START/END`, two dates (UTC, the last included) or two instants, as a half-open range."""
    from mtstore.bounds import parse_bounds
    from mtstore.errors import RangeError
    from mtstore.ranges import TimeRange

    start, _, end = text.partition("/")
    if not start or not end:
        raise RangeError(
            f"--covers {text!r}: give two dates or instants separated by a slash, like 2023-01-01/2023-12-31"
        )
    start_us, end_us = parse_bounds(start, end).as_utc_days_us()
    return TimeRange(start_us, end_us)


def _print_result(report: IngestResult, what: str = "bar") -> int:
    from mtstore.calendars import listed_years

    for outcome in report.rejected:
        echo_error(f"{outcome.path}: rejected: {outcome.error}")
    unchanged = sum(outcome.status == "unchanged" for outcome in report.files)
    ingested = len(report.files) - unchanged - len(report.rejected)
    echo(f"{count(ingested, 'file')} ingested, {unchanged:,} unchanged, {len(report.rejected):,} rejected")
    if ingested:
        rate = f"{report.seconds:.1f} s, {report.rows / max(report.seconds, 1e-6):,.0f} rows/s"
        echo(f"{count(report.rows, what)} of {count(report.tickers, 'ticker')}: {rate}")
    if report.quarantined_rows:
        echo(f"{count(report.quarantined_rows, 'row')} quarantined; see: mtstore query STORE 'FROM quarantine'")
    if report.sessionless:
        first, last = listed_years()
        named = ", ".join(sorted(report.sessionless)[:5]) + (", …" if len(report.sessionless) > 5 else "")
        echo(
            f"{count(sum(report.sessionless.values()), 'bar')} of {named} before {first} or after {last}, for which no"
            " calendar lists sessions: aligned results omit them"
        )
    if report.rejected and not ingested and not unchanged:
        return Exit.REJECTED
    return Exit.OK if report.is_complete else Exit.INCOMPLETE
