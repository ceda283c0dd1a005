"""Collect which instruments tickers meant, and when, for the tickers' metadata.

The metadata have it under the source's name, `{"databento": {"symbology": [{"start": "2024-03-04", "end":
"2024-03-12", "instrument_id": 1000}, …]}}`: UTC days, the end excluded. It shows when a continuous contract rolled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from mtstore.bars import BarBatch, SymbolSpan
from mtstore.storage.settings.ticker_metadata import read_metadata

if TYPE_CHECKING:
    from mtstore.storage.repository import Repository

KEY = "symbology"


class Symbology:
    """The instruments that the bar batches of a run report."""

    def __init__(self) -> None:
        self._spans: dict[tuple[str, str], list[SymbolSpan]] = defaultdict(list)

    def add(self, batch: BarBatch) -> None:
        """Add what a batch reports for its ticker."""
        if batch.symbology:
            self._spans[batch.ticker, batch.binding.source] += batch.symbology

    def metadata(self, store: Repository) -> dict[str, dict[str, Any]]:
        """Return metadata by ticker: the stored symbology with that of the run over it."""
        tickers = {ticker for ticker, _ in self._spans}
        stored = read_metadata(store, tickers) if tickers else {}
        found: dict[str, dict[str, Any]] = {}
        for (ticker, source), spans in self._spans.items():
            of_source = stored.get(ticker, {}).get(source)
            older = of_source.get(KEY, ()) if isinstance(of_source, dict) else ()
            merged = merge_spans(map(_read, older), spans)
            found.setdefault(ticker, {})[source] = {KEY: [_to_json(one) for one in merged]}
        return found


def merge_spans(older: Iterable[SymbolSpan], newer: Sequence[SymbolSpan]) -> list[SymbolSpan]:
    """Return `older` with `newer` over it, sorted; neighbours of one instrument become one span."""
    spans = list(older)
    for one in newer:
        spans = [part for span in spans for part in _without(span, one)] + [one]
    joined: list[SymbolSpan] = []
    for span in sorted(spans):
        if joined and joined[-1].instrument_id == span.instrument_id and joined[-1].end >= span.start:
            joined[-1] = joined[-1]._replace(end=max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def _without(span: SymbolSpan, other: SymbolSpan) -> list[SymbolSpan]:
    parts = (span._replace(end=min(span.end, other.start)), span._replace(start=max(span.start, other.end)))
    return [part for part in parts if part.start < part.end]


def _to_json(span: SymbolSpan) -> dict[str, Any]:
    return {"start": span.start.isoformat(), "end": span.end.isoformat(), "instrument_id": span.instrument_id}


def _read(row: dict[str, Any]) -> SymbolSpan:
    return SymbolSpan(date.fromisoformat(row["start"]), date.fromisoformat(row["end"]), int(row["instrument_id"]))
