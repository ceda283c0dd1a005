"""What `ingest --config` and `update` share: a run over the network, shown while it goes and told when it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from mtstore.cli.console import count, is_terminal, put, say, say_error
from mtstore.cli.exit_codes import Exit

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.ingest.network.report import FetchPreview, FetchResult, TickerOutcome
    from mtstore.progress_bar import FetchProgress
    from mtstore.store import Store


def may_spend(*, is_allowed: bool) -> Callable[[float], bool] | bool:
    """Whether a run may cost money: `--yes` says so; else a terminal is asked, and nobody else."""
    if is_allowed or not is_terminal(sys.stdin):
        return is_allowed
    return lambda cost_usd: click.confirm(f"This will cost about {cost_usd:.2f} USD. Go on?", err=True)


@contextmanager
def show_fetching(*, is_quiet: bool) -> Iterator[Callable[[FetchProgress], None]]:
    """A callback that shows how far a run is: a bar on a terminal, a line per chunk elsewhere."""
    if is_quiet:
        yield lambda _: None
    elif not is_terminal(sys.stderr):
        yield _say_line
    else:
        from mtstore.progress_bar import fetch_bar

        with fetch_bar() as update:
            yield update


def _say_line(progress: FetchProgress) -> None:
    who = ", ".join(progress.tickers[:5]) + (" …" if len(progress.tickers) > 5 else "")
    say(f"fetched {progress.done:,} of {count(progress.total, 'chunk')} ({who}), {count(progress.rows, 'bar')} so far")


def tell_plan(plan: FetchPreview) -> int:
    """What would be fetched, on stdout, one request or run of pages a line; the sum on stderr."""
    from mtstore.cli.ranges import spell_range

    for fetch in plan.fetches:
        size = "" if fetch.bytes is None else f"  {fetch.bytes:,} bytes"
        cost = "" if fetch.cost_usd is None else f"  {fetch.cost_usd:.4f} USD"
        tickers = ",".join(fetch.tickers)
        put(f"{fetch.source}  {fetch.schema}  {spell_range(fetch.range)}  {tickers}  {fetch.requests}{size}{cost}\n")
    for one in plan.references:
        put(f"{one.source}  reference  splits, dividends and details  {','.join(one.tickers)}  {one.requests}\n")
    for ticker, error in plan.errors.items():
        say_error(f"{ticker}: {error}")
    size = "bytes that the vendor does not tell beforehand" if plan.bytes is None else f"{plan.bytes:,} bytes"
    say(
        f"{count(plan.requests, 'request')} at most, {size}, {plan.cost_usd:.2f} USD; "
        f"{count(len(plan.cached), 'ticker')} covered already"
    )
    return Exit.INCOMPLETE if plan.errors else Exit.OK


def tell_report(report: FetchResult) -> int:
    """How a run ended, ticker by ticker where something was amiss; gives the exit code."""
    for note, tickers in _by_text((note, outcome) for outcome in report.tickers.values() for note in outcome.notes):
        say(f"{tickers}: {note}")
    for error, tickers in _by_text((_failure(outcome), outcome) for outcome in report.failed):
        say_error(f"{tickers}: {error}")
    whole = len(report.tickers) - len(report.failed)
    say(
        f"{whole:,} of {count(len(report.tickers), 'ticker')} complete: {count(report.rows, 'bar')} in "
        f"{count(report.requests, 'request')} ({report.retries:,} repeated), {report.cost_usd:.2f} USD, "
        f"{report.seconds:.1f} s"
    )
    if report.is_complete:
        return Exit.OK
    return Exit.INCOMPLETE if whole else Exit.SOURCE


def _failure(outcome: TickerOutcome) -> str:
    served = "; what is stored is older than the cache allows" if outcome.stale else ""
    return f"not fetched: {outcome.error}{served}"


def _by_text(told: Iterable[tuple[str, TickerOutcome]], most: int = 5) -> Iterator[tuple[str, str]]:
    """Each text once, with the tickers that it is about."""
    tickers: dict[str, list[str]] = {}
    for text, outcome in told:
        tickers.setdefault(text, []).append(outcome.ticker)
    for text, names in tickers.items():
        more = f" and {count(len(names) - most, 'more ticker')}" if len(names) > most else ""
        yield text, ", ".join(names[:most]) + more


def tell_room(store: Store, config: Config) -> None:
    """Make room for what was fetched as the configuration's `cache` says, and say what went."""
    from mtstore.query.cache.cache_limits import enforce_cache_limits

    gone = enforce_cache_limits(store.repository, config)
    if gone.bytes:
        what = count(len(gone.partitions), "partition")
        say(f"made room: {gone.derived_bytes / 1e6:,.1f} MB of derived results and {what} went")
