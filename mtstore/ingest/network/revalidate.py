"""Extend the coverage of stale ranges that the vendor reports unchanged; nothing is fetched or paid."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mtstore.bars import BarBatch, SourceBinding, arrow_schema
from mtstore.ingest.network.fetch_plan import FRESH_RESULTS, LedgerRow, latest_segments
from mtstore.ranges import Ranges, intersect, subtract
from mtstore.sources.http.request_stats import RequestStats
from mtstore.storage.commit import coverage_ledger
from mtstore.storage.commit.coverage_ledger import Freshness

if TYPE_CHECKING:
    from mtstore.ingest.network.fetch_targets import FetchTarget


@dataclass(frozen=True, slots=True)
class Revalidation:
    """Ranges of one ticker whose row of the ledger is as good as new."""

    binding: SourceBinding
    schema: str
    ticker: str
    ranges: Ranges
    row: LedgerRow
    request: dict[str, Any]

    def rows(self, run_id: str, at: datetime, freshness: Freshness) -> Iterator[dict[str, Any]]:
        """Yield the new rows of the ledger."""
        batch = BarBatch(
            binding=self.binding,
            schema=self.schema,
            ticker=self.ticker,
            ranges=self.ranges,
            bars=arrow_schema().empty_table(),
            result=self.row.result,
            reason=self.row.reason,
            request=self.request,
        )
        yield from coverage_ledger.rows([batch], run_id, at, freshness)


def revalidations_of(target: FetchTarget, *, cancel: threading.Event, stats: RequestStats) -> list[Revalidation]:
    """Return the stale parts of a target that did not change since they were fetched.

    Only bars of today's request parameters qualify, and only vendors that report when their data changed.
    """
    if not target.plan.stale or not target.source.reports_changes:
        return []
    request = dict(target.source.request_parameters(target.schema))
    found = []
    for segment in latest_segments(target.rows):
        row = segment.row
        if row.result not in FRESH_RESULTS or row.request_key != coverage_ledger.request_key(request):
            continue
        for part in intersect((segment.range,), target.plan.stale):
            changed = target.source.changed_since(part, row.fetched_at_us, cancel=cancel, stats=stats)
            same = subtract((part,), changed)
            if same:
                found.append(Revalidation(target.source.binding, target.schema, target.ticker, same, row, request))
    return found
