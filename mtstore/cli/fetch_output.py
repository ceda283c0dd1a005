"""The output of `ingest --config` and `update`: plan, progress and result of a fetch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from mtstore.arguments import first_few
from mtstore.cli.console import count, echo, echo_error, write_stdout
from mtstore.cli.exit_codes import Exit
from mtstore.query.cache.cache_limits import enforce_cache_limits
from mtstore.ranges import from_us

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.ingest.network.report import FetchPreview, FetchResult, TickerOutcome
    from mtstore.progress_bar import FetchProgress
    from mtstore.query.cache.cache_limits import PruneResult
    from mtstore.ranges import TimeRange
    from mtstore.store import Store


def fetch_and_report(
    run: Callable[..., FetchResult], store: Store, config: Config, *, is_cost_allowed: bool, is_quiet: bool
) -> int:
    """Fetch with progress, enforce the cache limits of the configuration, write the result; return the exit code."""
    with _show_fetching(is_quiet=is_quiet) as progress:
        report = run(confirm_cost=_may_spend(is_allowed=is_cost_allowed), progress=progress)
    _print_removed(enforce_cache_limits(store.repository, config))
    return _print_result(report)


def _may_spend(*, is_allowed: bool) -> Callable[[float], bool] | bool:
    """Return whether a run may cost money: with `--yes`, or after a question on the terminal."""
    if is_allowed or not sys.stdin.isatty():
        return is_allowed
    return lambda cost_usd: click.confirm(f"This will cost about {cost_usd:.2f} USD. Go on?", err=True)


@contextmanager
def _show_fetching(*, is_quiet: bool) -> Iterator[Callable[[FetchProgress], None]]:
    """Yield a callback that shows progress: a bar on a terminal, else a line per chunk."""
    if is_quiet:
        yield lambda _: None
    elif not sys.stderr.isatty():
        yield _echo_line
    else:
        from mtstore.progress_bar import fetch_bar

        with fetch_bar() as update:
            yield update


def _echo_line(progress: FetchProgress) -> None:
    who = first_few(progress.tickers)
    echo(f"fetched {progress.done:,} of {count(progress.total, 'chunk')} ({who}), {count(progress.rows, 'bar')} so far")


def print_plan(plan: FetchPreview) -> int:
    """Write the planned requests to stdout, the sum to stderr; return the exit code."""
    for fetch in plan.fetches:
        size = "" if fetch.bytes is None else f"  {fetch.bytes:,} bytes"
        cost = "" if fetch.cost_usd is None else f"  {fetch.cost_usd:.4f} USD"
        tickers = ",".join(fetch.tickers)
        write_stdout(
            f"{fetch.source}  {fetch.schema}  {_format_range(fetch.range)}  {tickers}  {fetch.requests}{size}{cost}\n"
        )
    for one in plan.references:
        write_stdout(
            f"{one.source}  reference  splits, dividends and details  {','.join(one.tickers)}  {one.requests}\n"
        )
    for ticker, error in plan.errors.items():
        echo_error(f"{ticker}: {error}")
    size = "an unknown number of bytes" if plan.bytes is None else f"{plan.bytes:,} bytes"
    echo(
        f"{count(plan.requests, 'request')} at most, {size}, {plan.cost_usd:.2f} USD; "
        f"{count(len(plan.cached), 'ticker')} covered already"
    )
    return Exit.INCOMPLETE if plan.errors else Exit.OK


def _format_range(bounds: TimeRange) -> str:
    """Return a range as text: `[2023-01-03T05:00Z, 2023-01-04T05:00Z)`."""
    start, end = from_us(bounds.start_us), from_us(bounds.end_us)
    return f"[{start:%Y-%m-%dT%H:%MZ}, {end:%Y-%m-%dT%H:%MZ})"


def _print_result(report: FetchResult) -> int:
    """Write how a run ended, with the tickers that failed; return the exit code."""
    for note, tickers in _by_text((note, outcome) for outcome in report.tickers.values() for note in outcome.notes):
        echo(f"{tickers}: {note}")
    for error, tickers in _by_text((_failure(outcome), outcome) for outcome in report.failed):
        echo_error(f"{tickers}: {error}")
    whole = len(report.tickers) - len(report.failed)
    echo(
        f"{whole:,} of {count(len(report.tickers), 'ticker')} complete: {count(report.rows, 'bar')} in "
        f"{count(report.requests, 'request')} ({report.retries:,} repeated), {report.cost_usd:.2f} USD, "
        f"{report.seconds:.1f} s"
    )
    if report.is_complete:
        return Exit.OK
    return Exit.INCOMPLETE if whole or any(one.has_answer for one in report.failed) else Exit.SOURCE


def _failure(outcome: TickerOutcome) -> str:
    served = "; the stored bars are older than the cache allows" if outcome.stale else ""
    return f"not fetched: {outcome.error}{served}"


def _by_text(texts: Iterable[tuple[str, TickerOutcome]]) -> Iterator[tuple[str, str]]:
    """Yield each text once, with its tickers."""
    tickers: dict[str, list[str]] = {}
    for text, outcome in texts:
        tickers.setdefault(text, []).append(outcome.ticker)
    for text, names in tickers.items():
        yield text, first_few(names)


def _print_removed(gone: PruneResult) -> None:
    if gone.bytes:
        what = count(len(gone.partitions), "partition")
        echo(f"size limit: removed {gone.derived_bytes / 1e6:,.1f} MB of cached results and {what}")
