"""Buying a range from Databento: counted, priced, paid from a budget, streamed to disk, and proven whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from mtstore.errors import TickerError
from mtstore.ranges import TimeRange
from mtstore.sources.databento import metadata as databento_metadata
from mtstore.sources.databento.dbn_file import DbnFile
from mtstore.sources.databento.responses import open_whole
from mtstore.sources.databento.session import DatabentoSession
from mtstore.sources.http.retry import CallFailedError, RequestContext
from mtstore.sources.vendor import CostBudget, Estimate

_RECORD_BYTES = 56


class Downloader:
    """What one session buys; estimates are kept until they are used."""

    def __init__(self, session: DatabentoSession) -> None:
        self._session = session
        self._estimates: dict[Any, Estimate] = {}

    def download(self, context: RequestContext, scratch: Path, budget: CostBudget) -> DbnFile:
        """The context's range as a file in `scratch`, whole and what was asked for; paid from `budget`.

        Raises
        ------
        CallFailedError
            After all retries; nothing is charged for attempts that brought nothing.
        CostLimitError
            The budget does not hold the cost, or not that of another attempt after a broken answer.
        """
        settings = self._session.settings
        estimate = self.estimate(context)
        self._estimates.pop((tuple(context.tickers), context.schema, context.range), None)
        what = f"{settings.source}: {context}"
        price = estimate.cost_usd or 0.0
        counted = estimate.records if settings.check_record_counts else None
        budget.spend(price, what=what)
        # Whether the latest attempt brought anything: what came is paid for, whole or not.
        has_come = False

        def ask(client: Any) -> DbnFile:
            nonlocal has_come
            if has_come:
                budget.spend(price, what=f"{what}, once more after a broken answer,")
                has_come = False
            path = scratch / f"{uuid4().hex}.dbn.zst"
            try:
                store = client.timeseries.get_range(**self._request(context), path=path)
                store.reader.close()
            finally:
                # The client makes the file when the vendor has agreed and begins to send.
                has_come = path.exists()
                context.stats.bytes_received += path.stat().st_size if has_come else 0
            return open_whole(
                path,
                dataset=settings.dataset or "",
                schema=context.schema,
                symbols=symbols_of(context.tickers, settings.stype_in),
                asked=range_of(context),
                counted=counted,
            )

        try:
            return self._session.call(ask, context)
        except CallFailedError:
            if not has_come:
                budget.refund(price)
            raise

    def estimate(self, context: RequestContext) -> Estimate:
        """What the context would bring and cost, as the vendor says, free of charge; kept until it is fetched."""
        key = (tuple(context.tickers), context.schema, context.range)
        if key not in self._estimates:
            request = self._request(context)
            records = None
            if self._session.settings.check_record_counts:
                records = databento_metadata.record_count(self._session, request, replace(context, what="record count"))
            dollars = databento_metadata.cost_usd(self._session, request, replace(context, what="cost"))
            size = None if records is None else records * _RECORD_BYTES
            self._estimates[key] = Estimate(requests=1, records=records, bytes=size, cost_usd=dollars)
        return self._estimates[key]

    def _request(self, context: RequestContext) -> dict[str, Any]:
        settings, inside = self._session.settings, range_of(context)
        return {
            "dataset": settings.dataset,
            "start": inside.start_us * 1_000,
            "end": inside.end_us * 1_000,
            "symbols": list(symbols_of(context.tickers, settings.stype_in)),
            "schema": context.schema,
            "stype_in": settings.stype_in,
        }


def symbols_of(tickers: Sequence[str], stype_in: str) -> dict[str, str]:
    """The tickers by the spelling in which the client sends them: it writes raw symbols in capitals.

    Raises
    ------
    TickerError
        The client would make something else of a ticker, or one of two.
    """
    keeps_case = stype_in == "continuous"
    symbols: dict[str, str] = {}
    for ticker in tickers:
        symbol = ticker if keeps_case else ticker.upper()
        if "," in ticker or ticker != ticker.strip() or not ticker:
            raise TickerError(f"ticker {ticker!r} cannot be asked of Databento: no commas, no spaces at its ends")
        if symbol in symbols:
            raise TickerError(f"{symbols[symbol]!r} and {ticker!r} are one symbol to Databento, {symbol!r}")
        symbols[symbol] = ticker
    return symbols


def range_of(context: RequestContext) -> TimeRange:
    """The context's range; it has one."""
    if context.range is None:
        raise ValueError(f"{context} has no range")
    return context.range
