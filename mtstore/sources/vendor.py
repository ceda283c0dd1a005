"""The interface of a vendor over the network: what can be requested, what it costs, what a run may spend."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtstore.bars import BarBatch, Result, SourceBinding, SymbolSpan
from mtstore.errors import CostLimitError
from mtstore.ranges import US_PER_SECOND, Ranges, TimeRange, intersect, subtract
from mtstore.sources import bar_grid
from mtstore.sources.checked_bars import CheckedBars
from mtstore.sources.http.downloads import Downloads
from mtstore.sources.http.request import RequestContext
from mtstore.sources.http.settings import NetworkSettings


class CostBudget:
    """Dollars that a run may spend, shared by its threads."""

    def __init__(self, max_usd: float) -> None:
        self._max = max_usd
        self._spent = 0.0
        self._lock = threading.Lock()

    @property
    def spent_usd(self) -> float:
        return self._spent

    def spend(self, usd: float, *, what: str) -> None:
        """Take `usd` from the budget, before the request that costs it.

        Raises
        ------
        CostLimitError
            The budget has less left; it stays unchanged.
        """
        with self._lock:
            if self._spent + usd > self._max + 1e-9:
                raise CostLimitError(
                    f"{what} would cost ${usd:.4f}; ${self._spent:.4f} of the ${self._max:.2f} allowed "
                    f"(max_cost_usd) are already spent"
                )
            self._spent += usd

    def refund(self, usd: float) -> None:
        """Put back the cost of a request without data."""
        with self._lock:
            self._spent -= usd


def to_batch(
    checked: CheckedBars,
    binding: SourceBinding,
    *,
    ticker: str,
    schema: str,
    answered: TimeRange,
    request: Mapping[str, Any],
    origin: str = "",
    day_tz: str = "UTC",
    result: Result | None = None,
    reason: str | None = None,
    symbology: tuple[SymbolSpan, ...] = (),
) -> BarBatch:
    """Return the bars of a vendor's response about the range `answered`; `origin` is the request, for rejected rows."""
    return BarBatch(
        binding=binding,
        schema=schema,
        ticker=ticker,
        ranges=subtract((answered,), checked.doubtful),
        partial_ranges=intersect((answered,), checked.doubtful),
        bars=checked.bars,
        result=result or checked.result,
        reason=reason if checked.doubtful else "; ".join(filter(None, (checked.reason, reason))) or None,
        partial_reason=checked.reason if checked.doubtful else None,
        day_tz=day_tz,
        request=request,
        quarantined=checked.quarantined(origin, answered.start_us),
        symbology=symbology,
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """The most requests of a fetch, and its records, bytes and dollars where the vendor reports them before."""

    requests: int
    records: int | None = None
    bytes: int | None = None
    cost_usd: float | None = None


class VendorSource(ABC):
    """One named source of a vendor over the network.

    Parameters
    ----------
    settings
        Address, key, speed, and what may be spent.
    clock
        Seconds since the epoch; tests set the time.
    """

    binding: SourceBinding
    max_tickers_per_request: int
    reports_changes = False
    """Whether the vendor reports, free of charge, when its data last changed."""

    def __init__(self, settings: NetworkSettings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._clock = clock

    @property
    def _now_us(self) -> int:
        return int(self._clock() * US_PER_SECOND)

    def last_closed_us(self, schema: str, ticker: str) -> int:
        """Return the close of the last bar that is certainly published, by the clock alone, without a request."""
        lag_us = round(self.settings.publishing_lag_seconds * US_PER_SECOND)
        return bar_grid.floor_us(self._now_us - lag_us, schema, self.day_tz(ticker))

    def changed_since(self, request: RequestContext, since_us: int) -> Ranges:
        """Return the parts of a range whose data may have changed since an instant; all of it if that is unknown."""
        del since_us
        return (request.bounds,)

    @abstractmethod
    def request_parameters(self, schema: str) -> Mapping[str, Any]:
        """Return the parameters that change the data, whose digest is the cache's key."""

    @abstractmethod
    def day_tz(self, ticker: str) -> str:
        """Return the zone whose days the ticker's daily bars are."""

    @abstractmethod
    def chunk_span_us(self, schema: str, tickers: Sequence[str]) -> int:
        """Return the best length of a range that is fetched and committed at once."""

    @abstractmethod
    def estimate(self, request: RequestContext, *, rescued: Path | None = None) -> Estimate:
        """Return what `fetch` with the same request would need; downloads in the folder `rescued` cost nothing."""

    @abstractmethod
    def fetch(
        self, request: RequestContext, *, downloads: Downloads | None = None, budget: CostBudget | None = None
    ) -> Iterator[BarBatch]:
        """Yield the bars that open in the request's range, as far as they are closed and published.

        Parameters
        ----------
        downloads
            Where downloads are kept until the caller deletes them; by default they are deleted when they are read.
        budget
            The money for it; by default the settings' `max_cost_usd` for this fetch alone.

        Yields
        ------
        BarBatch
            Complete batches, never a shorter one. Rows that break the rules for bars are in `quarantined`; their bars
            are in `partial_ranges`, or the batch is 'partial' if it is in doubt as a whole.

        Raises
        ------
        CostLimitError
            The budget does not cover the cost; no data was requested.
        SourceError
            A request failed; no batch of its tickers is yielded.
        concurrent.futures.CancelledError
            The request's `cancel` was set, less than a second ago.
        """
