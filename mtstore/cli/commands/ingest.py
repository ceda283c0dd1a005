"""`mtstore ingest`: vendor files, or what vendors have over the network, into a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import mtstore
from mtstore.cli.console import count, say, say_error
from mtstore.cli.exit_codes import Exit
from mtstore.cli.options import Tickers, store_argument

if TYPE_CHECKING:
    from mtstore.ingest.files.report import IngestResult
    from mtstore.ranges import TimeRange

_FORMATS = ("polygon-flatfile", "dbn", "parquet", "csv")


@click.command(short_help="Put vendor files, or vendors' answers, into a store.")
@store_argument
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH…]")
@click.option("--format", "format_", type=click.Choice(_FORMATS), help="Default: recognised by content.")
@click.option("--source", metavar="NAME", help="Default: polygon, or databento- and the dataset.")
@click.option("--schema", metavar="SCHEMA", help="ohlcv-1m, ohlcv-1d, …; where the format does not say.")
@click.option("--tickers", type=Tickers(), help="Only these; a flat file then covers its day for all of them.")
@click.option("--map", "mapping", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="How to read the columns of parquet or CSV files of your own (YAML).")  # fmt: skip
@click.option("--covers", metavar="START/END", help="The range that files of your own speak for (UTC).")
@click.option("--splits", type=click.Path(path_type=Path, dir_okay=False), multiple=True, metavar="FILE",
              help="Splits: CSV or Polygon's JSON. May be given several times.")  # fmt: skip
@click.option("--dividends", type=click.Path(path_type=Path, dir_okay=False), multiple=True, metavar="FILE",
              help="Cash dividends, likewise.")  # fmt: skip
@click.option("--create", is_flag=True, help="Make the store if there is none.")
@click.option("--config", "config_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Fetch over the network: names the sources, and for each ticker which of them.")  # fmt: skip
@click.option("--start", metavar="WHEN", help="With --config: a date (whole sessions), a wall time, or an instant.")
@click.option("--end", metavar="WHEN", help="With --config: a date is included; by default now.")
@click.option("--plan", is_flag=True, help="With --config: say what would be fetched and what it costs, fetch nothing.")
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
    """Put the files, folders and globs PATH… into STORE; or, with --config and --start, what the vendors have.

    \b
    What is taken:
      polygon-flatfile  Polygon/Massive minute_aggs_v1 and day_aggs_v1, .csv or .csv.gz
      dbn               Databento ohlcv-1s, -1m, -1h, -1d: .dbn or .dbn.zst, versions 1 to 3
      parquet, csv      files of your own, with --map and --schema
      --splits          ticker, execution_date, split_from, split_to: CSV, or Polygon's JSON
      --dividends       ticker, ex_dividend_date, cash_amount, and if there are any currency, dividend_type

    A file that went in before is passed over, unless something has replaced what it brought. A broken file is refused,
    with its name and place, and the others go in; rows that no market can have made (high below low, a negative volume)
    are kept aside in the view `quarantine`. Both show in the exit code 3.

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
        _refuse_both(paths, covers, options | {"splits": splits or None, "dividends": dividends or None})
        fetch = _Fetch(config_file, start, end, options["tickers"], options["schema"])
        with mtstore.open(store, create=create) as found:
            return fetch.plan(found) if plan else fetch.run(found, may_cost=yes, is_quiet=quiet)
    if not (paths or splits or dividends):
        raise click.UsageError("name files to ingest, or fetch with --config FILE --start WHEN")
    if start or end or plan or yes:
        raise click.UsageError("--start, --end, --plan and --yes go with --config")
    given = _ingest_options(covers, **options)
    codes = []
    with mtstore.open(store, create=create) as found:
        if paths:
            with show_progress(is_quiet=quiet) as progress:
                report = found.ingest(list(paths), progress=progress, **given)
            codes.append(_tell(report))
        if splits or dividends:
            named = {"source": given["source"]} if given["source"] else {}
            codes.append(_tell(found.ingest_references(splits=splits, dividends=dividends, **named), "event"))
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
        from mtstore.cli.fetch_output import tell_plan
        from mtstore.config import load_config
        from mtstore.ingest.network.ingest_network import plan_network

        config = load_config(self.config_file)
        return tell_plan(
            plan_network(store.repository, config, self._start(), self.end, tickers=self.tickers, schema=self.schema)
        )

    def run(self, store: mtstore.Store, *, may_cost: bool, is_quiet: bool) -> int:
        from mtstore.cli.fetch_output import may_spend, show_fetching, tell_report, tell_room
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
        tell_room(store, config)
        return tell_report(report)

    def _start(self) -> str:
        if self.start is None:
            raise click.UsageError("--config needs --start: where the bars should begin")
        return self.start


def _refuse_both(paths: tuple[Path, ...], covers: str | None, options: dict[str, Any]) -> None:
    """Options of files have no meaning for a fetch."""
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
        raise click.UsageError(
            f"{', '.join(given)} is for files, and --config fetches from vendors: use one or the other"
        )


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
    """Two dates (UTC days, the last included) or two instants, with a slash between, as a half-open range."""
    from mtstore.bounds import parse_bounds
    from mtstore.errors import RangeError
    from mtstore.ranges import TimeRange

    start, _, end = text.partition("/")
    if not start or not end:
        raise RangeError(f"--covers {text!r}: two dates or instants with a slash between, like 2023-01-01/2023-12-31")
    start_us, end_us = parse_bounds(start, end).as_utc_days_us()
    return TimeRange(start_us, end_us)


def _tell(report: IngestResult, what: str = "bar") -> int:
    from mtstore.calendars import listed_years

    for outcome in report.rejected:
        say_error(f"{outcome.path}: rejected: {outcome.error}")
    unchanged = sum(outcome.status == "unchanged" for outcome in report.files)
    ingested = len(report.files) - unchanged - len(report.rejected)
    say(f"{count(ingested, 'file')} ingested, {unchanged:,} known already, {len(report.rejected):,} rejected")
    if ingested:
        rate = f"{report.seconds:.1f} s, {report.rows / max(report.seconds, 1e-6):,.0f} rows/s"
        say(f"{count(report.rows, what)} of {count(report.tickers, 'ticker')}: {rate}")
    if report.quarantined_rows:
        say(f"{count(report.quarantined_rows, 'row')} quarantined; see: mtstore query STORE 'FROM quarantine'")
    if report.sessionless:
        first, last = listed_years()
        named = ", ".join(sorted(report.sessionless)[:5]) + (", …" if len(report.sessionless) > 5 else "")
        say(
            f"{count(sum(report.sessionless.values()), 'bar')} of {named} before {first} or after {last}, for which no"
            " calendar lists sessions: aligned answers leave them out"
        )
    if report.rejected and not ingested and not unchanged:
        return Exit.REFUSED
    return Exit.OK if report.is_complete else Exit.INCOMPLETE
