"""Buy a range from Databento: count, price, pay from a budget, stream to disk, check that the file is complete.

What a killed run has bought is not bought again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from mtstore.errors import TickerError
from mtstore.sources.databento import metadata as databento_metadata
from mtstore.sources.databento.dbn_file import DbnFile
from mtstore.sources.databento.responses import open_download
from mtstore.sources.databento.session import DatabentoSession
from mtstore.sources.http.downloads import Downloads, download_name
from mtstore.sources.http.failures import AttemptError, CallFailedError
from mtstore.sources.http.request import RequestContext
from mtstore.sources.vendor import CostBudget, Estimate

logger = logging.getLogger("mtstore.sources")

_RECORD_BYTES = 56


class Downloader:
    """Download files with one session; estimates are remembered until they are used."""

    def __init__(self, session: DatabentoSession) -> None:
        self._session = session
        self._estimates: dict[Any, Estimate] = {}

    def download(
        self, context: RequestContext, downloads: Downloads, budget: CostBudget, *, modified: date | None
    ) -> DbnFile:
        """Download the context's range, check it, and pay for it from `budget`; or take what a killed run paid for.

        `modified` is when the vendor last changed the range's data.

        Raises
        ------
        CallFailedError
            After all retries; attempts without data cost nothing.
        CostLimitError
            The budget does not cover the cost, or not that of another attempt after a broken response.
        """
        settings = self._session.settings
        estimate = self._estimate_once(context, downloads.rescued)
        request = self._request(context)
        check = partial(
            open_download,
            dataset=settings.dataset or "",
            schema=context.schema,
            symbols=symbols_of(context.tickers, settings.stype_in),
            requested=context.bounds,
            counted=estimate.records if settings.check_record_counts else None,
        )
        if (taken := downloads.take(request, modified)) is not None:
            try:
                return check(taken)
            except AttemptError as error:
                logger.warning("%s: a killed run's download is of no use: %s", settings.source, error)
        if not estimate.requests:
            estimate = self._estimate_once(context, None)
        what = f"{settings.source}: {context}"
        price = estimate.cost_usd or 0.0
        budget.spend(price, what=what)
        # Whether the latest attempt received data: the vendor charges for them, complete or not.
        has_data = False

        def fetch(client: Any) -> DbnFile:
            nonlocal has_data
            if has_data:
                budget.spend(price, what=f"{what}, once more after a broken response,")
                has_data = False
            with downloads.begin() as path:
                try:
                    store = client.timeseries.get_range(**request, path=path)
                    store.reader.close()
                finally:
                    # The client creates the file when the vendor begins to send.
                    has_data = path.exists()
                    context.stats.bytes_received += path.stat().st_size if has_data else 0
                file = check(path)
                file.rename(downloads.complete_path(request))
            return file

        try:
            return self._session.try_call(fetch, context)
        except CallFailedError:
            if not has_data:
                budget.refund(price)
            raise

    def estimate(self, context: RequestContext, rescued: Path | None) -> Estimate:
        """Request, free of charge, what the context would bring and cost; remembered until it is fetched.

        What a killed run has left in the folder `rescued` costs nothing.
        """
        key = (tuple(context.tickers), context.schema, context.range)
        if key not in self._estimates:
            request = self._request(context)
            records = None
            if self._session.settings.check_record_counts:
                records = databento_metadata.record_count(self._session, request, replace(context, what="record count"))
            if rescued is not None and (rescued / download_name(request)).exists():
                self._estimates[key] = Estimate(requests=0, records=records, bytes=0, cost_usd=0.0)
                return self._estimates[key]
            dollars = databento_metadata.cost_usd(self._session, request, replace(context, what="cost"))
            size = None if records is None else records * _RECORD_BYTES
            self._estimates[key] = Estimate(requests=1, records=records, bytes=size, cost_usd=dollars)
        return self._estimates[key]

    def _estimate_once(self, context: RequestContext, rescued: Path | None) -> Estimate:
        estimate = self.estimate(context, rescued)
        self._estimates.pop((tuple(context.tickers), context.schema, context.range), None)
        return estimate

    def _request(self, context: RequestContext) -> dict[str, Any]:
        settings, inside = self._session.settings, context.bounds
        return {
            "dataset": settings.dataset,
            "start": inside.start_us * 1_000,
            "end": inside.end_us * 1_000,
            "symbols": list(symbols_of(context.tickers, settings.stype_in)),
            "schema": context.schema,
            "stype_in": settings.stype_in,
        }


def symbols_of(tickers: Sequence[str], stype_in: str) -> dict[str, str]:
    """Return the tickers by the symbols that the client sends: it writes raw symbols in capitals.

    Raises
    ------
    TickerError
        The client would change a ticker, or send the same symbol for two of them.
    """
    keeps_case = stype_in == "continuous"
    symbols: dict[str, str] = {}
    for ticker in tickers:
        symbol = ticker if keeps_case else ticker.upper()
        if "," in ticker or ticker != ticker.strip() or not ticker:
            raise TickerError(f"ticker: was {ticker!r}; for Databento use one without commas and outer spaces")
        if symbol in symbols:
            raise TickerError(f"{symbols[symbol]!r} and {ticker!r} are the same symbol for Databento, {symbol!r}")
        symbols[symbol] = ticker
    return symbols
