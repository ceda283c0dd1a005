"""The interface of a vendor over the network: what can be requested, what it costs, what a run may spend."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mtstore.bars import BarBatch, Result, SourceBinding, SymbolSpan
from mtstore.errors import CostLimitError
from mtstore.ranges import Ranges, TimeRange, intersect, subtract
from mtstore.sources.bar_rules import CheckedBars
from mtstore.sources.http.request_stats import RequestStats
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
        reason=reason or checked.reason,
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


class VendorSource(Protocol):
    """A vendor over the network."""

    @property
    def binding(self) -> SourceBinding: ...
    @property
    def schemas(self) -> tuple[str, ...]: ...
    @property
    def settings(self) -> NetworkSettings: ...
    @property
    def max_tickers_per_request(self) -> int: ...

    @property
    def reports_changes(self) -> bool:
        """Whether the vendor reports, free of charge, when its data last changed."""
        ...

    def changed_since(
        self,
        asked: TimeRange,
        since_us: int,
        *,
        cancel: threading.Event | None = None,
        stats: RequestStats | None = None,
    ) -> Ranges:
        """Return the parts of a range whose data may have changed since an instant; all of it if that is unknown."""
        ...

    def request_parameters(self, schema: str) -> Mapping[str, Any]:
        """Return the parameters that change the data, whose digest is the cache's key."""
        ...

    def day_tz(self, ticker: str) -> str:
        """Return the zone whose days the ticker's daily bars are."""
        ...

    def chunk_span_us(self, schema: str, tickers: Sequence[str]) -> int:
        """Return the best length of a range that is fetched and committed at once."""
        ...

    def last_closed_us(self, schema: str, ticker: str) -> int:
        """Return the close of the last bar that is certainly published, by the clock alone, without a request."""
        ...

    def estimate(
        self,
        tickers: Sequence[str],
        schema: str,
        asked: TimeRange,
        *,
        cancel: threading.Event | None = None,
        stats: RequestStats | None = None,
    ) -> Estimate:
        """Return what `fetch` with the same arguments would need."""
        ...

    def fetch(
        self,
        tickers: Sequence[str],
        schema: str,
        asked: TimeRange,
        *,
        folder: Path | None = None,
        budget: CostBudget | None = None,
        cancel: threading.Event | None = None,
        stats: RequestStats | None = None,
    ) -> Iterator[BarBatch]:
        """Fetch one chunk: complete batches, or an error, never a shorter batch."""
        ...
