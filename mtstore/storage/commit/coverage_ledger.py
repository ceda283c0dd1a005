"""The coverage ledger: which ranges each batch covers, with which result, and until when that is fresh."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mtstore.bars import BarBatch
from mtstore.ranges import TimeRange, from_us, iso_instant, normalise, to_us


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long fetched ranges stay fresh.

    Attributes
    ----------
    ttl_days
        Days from the fetch; 0 means always stale, None never.
    settle_days
        A range fetched this long after its end is final and never becomes stale; None switches that off.
    """

    ttl_days: float | None = 7.0
    settle_days: float | None = 3.0

    def fresh_until(self, batch: BarBatch, bounds: TimeRange, at: datetime) -> datetime | None:
        """Return until when `bounds` of a batch fetched at `at` are fresh; None means for ever."""
        if batch.final or self.ttl_days is None:
            return None
        is_old = self.settle_days is not None and at - from_us(bounds.end_us) >= timedelta(days=self.settle_days)
        # A vendor may give later what it does not give now, however old.
        if is_old and batch.result != "failed":
            return None
        return at + timedelta(days=self.ttl_days)

    def pieces(self, batch: BarBatch, bounds: TimeRange, at: datetime) -> tuple[TimeRange, ...]:
        """Cut a range of a vendor's answer where its settled part ends, because that part never becomes stale."""
        if batch.final or None in (self.ttl_days, self.settle_days) or batch.result not in ("complete", "empty"):
            return (bounds,)
        settled_us = to_us(at - timedelta(days=self.settle_days or 0.0))
        if not bounds.start_us < settled_us < bounds.end_us:
            return (bounds,)
        return TimeRange(bounds.start_us, settled_us), TimeRange(settled_us, bounds.end_us)


def rows(batches: Iterable[BarBatch], run_id: str, at: datetime, freshness: Freshness) -> list[dict[str, Any]]:
    """Return the ledger rows of some batches; tickers whose rows are otherwise equal share one."""
    groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for batch in batches:
        for row in _rows_of(batch, run_id, at, freshness):
            key = json.dumps(row, sort_keys=True, default=str)
            groups.setdefault(key, (row, []))[1].append(batch.ticker)
    return [row | {"tickers": sorted(tickers)} for row, tickers in groups.values()]


def _rows_of(batch: BarBatch, run_id: str, at: datetime, freshness: Freshness) -> Iterator[dict[str, Any]]:
    parts = (
        (batch.result, batch.reason, batch.ranges),
        ("partial", batch.partial_reason or batch.reason, batch.partial_ranges),
    )
    for result, reason, ranges in parts:
        by_freshness: dict[datetime | None, list[TimeRange]] = {}
        for bounds in (piece for whole in normalise(ranges) for piece in freshness.pieces(batch, whole, at)):
            by_freshness.setdefault(freshness.fresh_until(batch, bounds, at), []).append(bounds)
        for fresh_until, same in by_freshness.items():
            yield {
                "source": batch.binding.source,
                "schema": batch.schema,
                "ranges": range_values(same),
                "result": result,
                "reason": reason,
                "request_key": request_key(batch.request),
                "run_id": run_id,
                "fetched_at": at,
                "fresh_until": fresh_until,
            }


def range_values(ranges: Iterable[TimeRange]) -> list[dict[str, str]]:
    """Return ranges as the ledger's column `ranges` has them."""
    return [{"start_ts": iso_instant(one.start_us), "end_ts": iso_instant(one.end_us)} for one in ranges]


def request_key(request: Mapping[str, Any]) -> str:
    """Return a digest of the request parameters that change the data."""
    text = json.dumps(dict(request), sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
