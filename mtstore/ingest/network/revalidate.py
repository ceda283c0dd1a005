"""Extend the coverage of stale ranges that the vendor reports unchanged; nothing is fetched or paid."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from mtstore.bars import BarBatch, arrow_schema
from mtstore.ingest.network.fetch_plan import FRESH_RESULTS, latest_segments
from mtstore.ranges import intersect, subtract
from mtstore.sources.http.request import RequestContext, RequestStats
from mtstore.storage.commit.coverage_ledger import request_key

if TYPE_CHECKING:
    from mtstore.ingest.network.fetch_targets import FetchTarget


def revalidations_of(target: FetchTarget, *, cancel: threading.Event, stats: RequestStats) -> list[BarBatch]:
    """Return the stale parts of a target that did not change since they were fetched, as coverage without bars.

    Only bars of today's request parameters qualify, and only vendors that report when their data changed.
    """
    source = target.source
    if not target.plan.stale or not source.reports_changes:
        return []
    request = dict(source.request_parameters(target.schema))
    no_bars = arrow_schema().empty_table()
    found = []
    for segment in latest_segments(target.rows):
        row = segment.row
        if row.result not in FRESH_RESULTS or row.request_key != request_key(request):
            continue
        for part in intersect((segment.range,), target.plan.stale):
            context = RequestContext(range=part, cancel=cancel, stats=stats)
            same = subtract((part,), source.changed_since(context, row.fetched_at_us))
            if same:
                batch = BarBatch(source.binding, target.schema, target.ticker, same, no_bars, row.result, row.reason)
                found.append(replace(batch, request=request))
    return found
