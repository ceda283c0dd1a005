"""Which instruments tickers stood for, and when: gathered from answers, and kept in the tickers' metadata.

There it stands under the source's name, `{"databento": {"symbology": [{"start": "2024-03-04", "end": "2024-03-12",
"instrument_id": 1000}, …]}}`: days of UTC, the end not included. It says when a continuous contract rolled.
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
    """What the answers of a run say."""

    def __init__(self) -> None:
        self._spans: dict[tuple[str, str], list[SymbolSpan]] = defaultdict(list)

    def take(self, answer: BarBatch) -> None:
        """Take note of what an answer says of its ticker."""
        if answer.symbology:
            self._spans[answer.ticker, answer.binding.source] += answer.symbology

    def metadata(self, store: Repository) -> dict[str, dict[str, Any]]:
        """What is known then, by ticker, as metadata: what the store knows already, and what was noted over it."""
        tickers = {ticker for ticker, _ in self._spans}
        stored = read_metadata(store, tickers) if tickers else {}
        found: dict[str, dict[str, Any]] = {}
        for (ticker, source), spans in self._spans.items():
            told = stored.get(ticker, {}).get(source)
            known = told.get(KEY, ()) if isinstance(told, dict) else ()
            found.setdefault(ticker, {})[source] = {KEY: [_to_json(one) for one in overlaid(map(_read, known), spans)]}
        return found


def overlaid(known: Iterable[SymbolSpan], newer: Sequence[SymbolSpan]) -> list[SymbolSpan]:
    """`known` with `newer` over it, in order; neighbours of one instrument are one span."""
    spans = list(known)
    for one in newer:
        spans = [piece for span in spans for piece in _without(span, one)] + [one]
    merged: list[SymbolSpan] = []
    for span in sorted(spans):
        if merged and merged[-1].instrument_id == span.instrument_id and merged[-1].end >= span.start:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def _without(span: SymbolSpan, other: SymbolSpan) -> list[SymbolSpan]:
    """The parts of a span before and after another."""
    parts = (span._replace(end=min(span.end, other.start)), span._replace(start=max(span.start, other.end)))
    return [part for part in parts if part.start < part.end]


def _to_json(span: SymbolSpan) -> dict[str, Any]:
    return {"start": span.start.isoformat(), "end": span.end.isoformat(), "instrument_id": span.instrument_id}


def _read(row: dict[str, Any]) -> SymbolSpan:
    return SymbolSpan(date.fromisoformat(row["start"]), date.fromisoformat(row["end"]), int(row["instrument_id"]))
