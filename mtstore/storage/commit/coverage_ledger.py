"""The coverage ledger: what each answer says about its ranges, until when that is fresh, in as few rows as will do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mtstore.bars import BarBatch
from mtstore.ranges import TimeRange, iso_instant, normalise

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long an answer stays good.

    Attributes
    ----------
    ttl_days
        Days from the fetch; 0 is always stale, None never.
    settle_days
        A range fetched this long after its end is final and never expires; None switches that off.
    """

    ttl_days: float | None = 7.0
    settle_days: float | None = 3.0

    def fresh_until(self, answer: BarBatch, bounds: TimeRange, at: datetime) -> datetime | None:
        """Until when `answer` about `bounds`, fetched at `at`, is fresh; None for ever."""
        if answer.final or self.ttl_days is None:
            return None
        if self.settle_days is not None:
            end = _EPOCH + timedelta(microseconds=bounds.end_us)
            if at - end >= timedelta(days=self.settle_days):
                return None
        return at + timedelta(days=self.ttl_days)


def rows(answers: Iterable[BarBatch], run_id: str, at: datetime, freshness: Freshness) -> list[dict[str, Any]]:
    """Ledger rows for some answers: one for all tickers that were answered alike."""
    groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for answer in answers:
        for row in _rows_of(answer, run_id, at, freshness):
            key = json.dumps(row, sort_keys=True, default=str)
            groups.setdefault(key, (row, []))[1].append(answer.ticker)
    return [row | {"tickers": sorted(tickers)} for row, tickers in groups.values()]


def _rows_of(answer: BarBatch, run_id: str, at: datetime, freshness: Freshness) -> Iterator[dict[str, Any]]:
    spoken = [(answer.result, answer.ranges), ("partial", answer.partial_ranges)]
    for result, ranges in spoken:
        by_freshness: dict[datetime | None, list[TimeRange]] = {}
        for bounds in normalise(ranges):
            by_freshness.setdefault(freshness.fresh_until(answer, bounds, at), []).append(bounds)
        for fresh_until, alike in by_freshness.items():
            yield {
                "source": answer.binding.source,
                "schema": answer.schema,
                "ranges": [_bounds(bounds) for bounds in alike],
                "result": result,
                "reason": answer.reason,
                "request_key": request_key(answer.request),
                "run_id": run_id,
                "fetched_at": at,
                "fresh_until": fresh_until,
            }


def _bounds(bounds: TimeRange) -> dict[str, str]:
    return {"start_ts": iso_instant(bounds.start_us), "end_ts": iso_instant(bounds.end_us)}


def request_key(request: Mapping[str, Any]) -> str:
    """A digest of the parameters that change the data."""
    text = json.dumps(dict(request), sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
