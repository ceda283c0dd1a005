"""Stale ranges that the vendor says have not changed: their coverage is renewed, nothing is fetched or paid."""

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
    """An older answer of one ticker that is as good as new for some ranges."""

    binding: SourceBinding
    schema: str
    ticker: str
    ranges: Ranges
    row: LedgerRow
    request: dict[str, Any]

    def rows(self, run_id: str, at: datetime, freshness: Freshness) -> Iterator[dict[str, Any]]:
        """The rows of the ledger that say so."""
        answer = BarBatch(
            binding=self.binding,
            schema=self.schema,
            ticker=self.ticker,
            ranges=self.ranges,
            bars=arrow_schema().empty_table(),
            result=self.row.result,
            reason=self.row.reason,
            request=self.request,
        )
        yield from coverage_ledger.rows([answer], run_id, at, freshness)


def revalidations_of(one: FetchTarget, *, cancel: threading.Event, stats: RequestStats) -> list[Revalidation]:
    """The stale parts of what is wanted that did not change since they were fetched.

    Only answers to today's request can be renewed, and only where the vendor tells when its data changed.
    """
    if not one.plan.stale or not one.source.reports_changes:
        return []
    request = dict(one.source.request_parameters(one.schema))
    found = []
    for segment in latest_segments(one.rows):
        row = segment.row
        if row.result not in FRESH_RESULTS or row.request_key != coverage_ledger.request_key(request):
            continue
        for part in intersect((segment.range,), one.plan.stale):
            changed = one.source.changed_since(part, row.fetched_at_us, cancel=cancel, stats=stats)
            same = subtract((part,), changed)
            if same:
                found.append(Revalidation(one.source.binding, one.schema, one.ticker, same, row, request))
    return found
