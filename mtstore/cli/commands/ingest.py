"""`mtstore ingest`: ingest files, or fetch from vendors."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Sequence
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final, Literal

import click

import mtstore
from mtstore import sqlfiles
from mtstore.bars import step_us
from mtstore.cli.console import echo, echo_error, echo_warning
from mtstore.cli.exit_codes import Exit
from mtstore.cli.options import FILE, Tickers, quiet_option, store_argument
from mtstore.cli.progress import show_progress
from mtstore.sources.custom.mapping.example import EXAMPLE

if TYPE_CHECKING:
    from mtstore.ingest.files.report import IngestResult
    from mtstore.ingest.sniff.result import SniffResult
    from mtstore.store import Store

# What --guess need not propose.
_KNOWN: Final = ("schema", "ticker", "tz")


@click.command(
    short_help="Ingest files, or fetch from vendors.",
    epilog=f"\b\nThe file of --map, with every key (only schema is required):\n{indent(EXAMPLE, '  ')}",
)
@store_argument
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH…]")
@click.option("--format", metavar="NAME", help="Default: detected from the content; or a vendor's export, see below.")
@click.option("--source", metavar="NAME", help="Default: polygon, or databento- and the dataset.")
@click.option("--schema", metavar="SCHEMA", help="ohlcv-1m, ohlcv-1d, …; for formats that do not state it.")
@click.option("--tickers", type=Tickers(), help="Only these; a flat file then covers its day for all of them.")
@click.option("--ticker", metavar="NAME", help="The ticker of all rows of your own files.")
@click.option("--tz", metavar="ZONE", help="The zone of your own files' times without one; default: UTC.")
@click.option("--map", "mapping", type=FILE, help="Mapping of the columns of your own parquet or CSV files (YAML).")
@click.option("--covers", metavar="START/END|auto", help="Where your own files are all there is; see below.")
@click.option("--splits", type=FILE, multiple=True, help="Splits: CSV or Polygon's JSON; repeatable.")
@click.option("--dividends", type=FILE, multiple=True, help="Cash dividends: CSV or Polygon's JSON; repeatable.")
@click.option("--create", is_flag=True, help="Create the store if it does not exist; --guess implies it.")
@click.option("--config", "config_file", type=FILE, help="Fetch from the sources that this configuration names.")
@click.option("--start", metavar="WHEN", help="With --config: a date (whole sessions), a wall time, or an instant.")
@click.option("--end", metavar="WHEN", help="With --config: a date is included; default: now.")
@click.option("--plan", is_flag=True, help="With --config: print what would be fetched and its cost; fetch nothing.")
@click.option("--guess", is_flag=True, help="Propose a mapping of your own files, show what would be stored, and ask.")
@click.option("--yes", is_flag=True, help="With --guess: do not ask; with --config: even above max_cost_usd.")
@quiet_option
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
    guess: bool,
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
      parquet, csv      your own files, with --guess, or with --map and --schema
      kibot, yahoo, …   exports of vendors: alphavantage binance cryptodatadownload databento dukascopy firstratedata
                        histdata ibkr kibot kraken lean metatrader4 metatrader5 ninjatrader stooq tradestation
                        tradingview yahoo yfinance
      --splits          ticker, execution_date, split_from, split_to: CSV, or Polygon's JSON
      --dividends       ticker, ex_dividend_date, cash_amount, optionally currency and dividend_type

    An unchanged file is skipped, unless newer data replaced its bars. A broken file is rejected with name and place,
    and the others are ingested. Rows that cannot be bars (high below low, a negative volume) go to the view
    `quarantine`. Exit code 3: there were rejected files or quarantined rows.

    Your own files count as read from each ticker's first bar to the end of its last; nothing stored is withdrawn. With
    --covers auto they are all there is in that time, and with --covers START/END in that range: stored bars there that
    they do not have are withdrawn. Dates are days of the mapping's tz, both included; instants are half-open.

    \b
    Examples:
      mtstore ingest ./market flatfiles/us_stocks_sip/minute_aggs_v1/2023
      mtstore ingest ./market '2023-01-*.csv.gz' --tickers AAPL,MSFT
      mtstore ingest ./market xnas-itch-2023.ohlcv-1m.dbn.zst
      mtstore ingest ./market mine --guess
      mtstore ingest ./market mine.csv --map mine.yaml --schema ohlcv-1m --source mine
      mtstore ingest ./market --splits splits.csv --dividends dividends.json
      mtstore ingest ./market --config configs/polygon.yaml --start 2023-01-01 --end 2023-12-31 --plan
    """
    if config_file is not None:
        beside = {"PATH": paths, "covers": covers, "splits": splits, "dividends": dividends, "guess": guess or None}
        _check_exclusive(options | beside)
        if start is None:
            raise click.UsageError("--config needs --start, the begin of the range")
        from mtstore.cli.fetch_output import fetch_and_report, print_plan
        from mtstore.config import load_config
        from mtstore.ingest.network.ingest_network import ingest_network, plan_network

        config = load_config(config_file)
        fetched: dict[str, Any] = {"tickers": options["tickers"], "schema": options["schema"]}
        with mtstore.open(store, create=create) as found:
            if plan:
                return print_plan(plan_network(found.repository, config, start, end, **fetched))
            run = partial(ingest_network, found.repository, config, start, end, **fetched)
            return fetch_and_report(run, found, config, is_cost_allowed=yes, is_quiet=quiet)
    if not (paths or splits or dividends):
        raise click.UsageError("give files to ingest, or fetch with --config FILE --start WHEN")
    if start or end or plan or (yes and not guess):
        raise click.UsageError("--start, --end, --plan and --yes go with --config, --yes also with --guess")
    within = None if covers is None else _read_covers(covers)
    codes: list[int] = []
    inputs: list[tuple[Sequence[Path], dict[str, Any]]] = [(paths, options)] if paths else []
    if guess:
        from mtstore.ingest.files.report import first_lines

        proposal = _sniff(paths, options)
        if not (yes or _is_accepted(store)):
            echo("nothing was stored")
            return Exit.OK
        inputs = _inputs_of(proposal, options)
        # As without --guess: text beside data is passed over.
        rejected = [why for path, why in proposal.others.items() if path in paths or path.suffix.lower() != ".txt"]
        for line in first_lines(rejected):
            echo_error(line)
        codes += [Exit.INCOMPLETE] if rejected else []
    warnings.simplefilter("ignore", mtstore.IngestWarning)  # their lines are printed with the counts
    with mtstore.open(store, create=create or guess) as found:
        for files, how in inputs:
            with show_progress(is_quiet=quiet) as progress:
                report = found.ingest_files(files, covers=within, progress=progress, **how)
            codes.append(_print_result(report))
        if guess:
            _print_next(found, proposal)
        if splits or dividends:
            named = {"source": options["source"]} if options["source"] else {}
            codes.append(_print_result(found.ingest_references(splits=splits, dividends=dividends, **named), "event"))
    return codes[0] if len(set(codes)) == 1 else Exit.INCOMPLETE


def _sniff(paths: tuple[Path, ...], options: dict[str, Any]) -> SniffResult:
    """Show the proposed mappings; reject those with open choices."""
    for name in ("format", "mapping"):
        if options[name] is not None:
            raise click.UsageError(f"--guess proposes a mapping, and --{name.replace('mapping', 'map')} names one")
    if not paths:
        raise click.UsageError("--guess needs PATH…")
    found = mtstore.sniff(paths, **{name: options[name] for name in _KNOWN})
    echo(str(found))
    open_keys = {key: values for layout in found.layouts for key, values in layout.choices.items()}
    if open_keys:
        remedy = (
            f"give {' and '.join(f'--{key}' for key in open_keys)}"
            if open_keys.keys() <= set(_KNOWN)
            else "save the mapping with `mtstore sniff PATH -o FILE`, write the values, and ingest with --map FILE"
        )
        named = "; ".join(f"{key} (likely {' or '.join(map(str, values))})" for key, values in open_keys.items())
        raise mtstore.errors.InputError(f"the files do not show {named}: {remedy}")
    return found


def _is_accepted(store: Path) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("--guess asks before it stores; without a terminal, accept with --yes")
    return click.confirm(f"Store the files like this in {store}?", err=True)


def _inputs_of(found: SniffResult, options: dict[str, Any]) -> list[tuple[Sequence[Path], dict[str, Any]]]:
    """Return files with the options that read them."""
    rest = {name: value for name, value in options.items() if name not in _KNOWN}
    inputs: list[tuple[Sequence[Path], dict[str, Any]]] = [(files, rest) for files in found.known.values()]
    return inputs + [(layout.files, rest | {"mapping": layout.mapping}) for layout in found.layouts]


def _print_next(store: Store, found: SniffResult) -> None:
    """Print the command that loads some of what was stored."""
    rows = [row for layout in found.layouts for row in layout.rows]
    if not rows:
        return
    names = list(dict.fromkeys(row["ticker"] for row in rows if row["schema"] == rows[0]["schema"]))[:3]
    schema = rows[0]["schema"]
    with store.repository.connection() as connection:
        parameters = {"tickers": names, "schema": schema}
        common = connection.execute(sqlfiles.load("sniff.common_range"), parameters).fetchone()
    if common is None or None in common or common[0] > common[1]:
        return
    end = common[1] + timedelta(microseconds=step_us(schema))
    within = [moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (common[0], end)]
    interval = schema.removeprefix("ohlcv-").replace("m", "min")
    place = shlex.join([str(store.path), "--tickers", ",".join(names), "--interval", interval])
    echo(f"next: mtstore load {place} --start {within[0]} --end {within[1]}")


def _check_exclusive(options: dict[str, Any]) -> None:
    """Reject the arguments of files in a fetch."""
    words = {"mapping": "--map", "PATH": "PATH"}
    names = ("format", "source", "ticker", "tz", "mapping", "splits", "dividends", "PATH", "covers", "guess")
    given = [words.get(name, f"--{name}") for name in names if options[name] not in {None, ()}]
    if given:
        raise click.UsageError(f"{', '.join(given)} is for files, --config fetches from vendors: use one or the other")


def _read_covers(text: str) -> tuple[str, str] | Literal["auto"]:
    """Parse `START/END`, two dates or two instants, or `auto`."""
    from mtstore.errors import RangeError

    if text == "auto":
        return "auto"
    start, _, end = text.partition("/")
    if not start or not end:
        raise RangeError(
            f"--covers {text!r}: give auto, or two dates or instants separated by a slash, like 2023-01-01/2023-12-31"
        )
    return start, end


def _print_result(report: IngestResult, what: str = "bar") -> int:
    from mtstore.ingest.files.report import first_lines

    for line in first_lines(report.errors()):
        echo_error(line)
    for line in first_lines(report.warnings()):
        echo_warning(line)
    for line in report.summary(what):
        echo(line)
    if report.quarantined_rows:
        echo("see: mtstore query STORE 'FROM quarantine'")
    if report.files and len(report.rejected) == len(report.files):
        return Exit.REJECTED
    return Exit.OK if report.is_complete else Exit.INCOMPLETE
