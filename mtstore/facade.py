"""`Store`: what people hold in their hands; everything behind it does one thing each."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mtstore import sqlfiles
from mtstore.query.result import Parameters, Result
from mtstore.store.repository import Repository

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mtstore.ingest.report import IngestReport
    from mtstore.store.compact import Compaction


class Store(Repository):
    """A store of many tickers' market data; `mtstore.open` gives one.

    Bars are stored raw, in UTC, labelled by their open; what is done with them is defined by the SQL in `sql/`.
    """

    def sql(self, query: str, params: Parameters = None) -> Result:
        """Any query over the store's views and macros, with `?` or `$name` parameters.

        Examples
        --------
        >>> store.sql("SELECT count(*) FROM bars WHERE ticker = ?", ["AAPL"]).fetchall()  # doctest: +SKIP
        """
        return Result(self, query, params)

    def ingest(self, data: str | Path | Iterable[str | Path] | pd.DataFrame | pa.Table, **options: Any) -> IngestReport:
        """Put vendor files, or a frame in memory, into the store.

        See `mtstore.ingest.files.ingest_files` for the options and errors of files, and
        `mtstore.ingest.frames.ingest_frame` for those of frames.

        Examples
        --------
        >>> store.ingest("flatfiles/us_stocks_sip/minute_aggs_v1")  # doctest: +SKIP
        >>> store.ingest(frame, ticker="AAPL", schema="ohlcv-1m")  # doctest: +SKIP
        """
        from mtstore.ingest.files import ingest_files
        from mtstore.ingest.frames import ingest_frame, is_frame

        if is_frame(data):
            return ingest_frame(self, data, **options)
        if isinstance(data, (str, os.PathLike)):
            return ingest_files(self, [Path(data)], **options)
        return ingest_files(self, cast("Iterable[str | Path]", data), **options)

    def compact(self, tickers: Collection[str] | None = None) -> Compaction:
        """Merge each partition's files into one; rows, coverage and answers stay the same."""
        from mtstore.store.compact import compact

        return compact(self, tickers)

    def status(self) -> Result:
        """One row per stored series: ticker, source, schema, rows, files, bytes, first and last bar, calendar."""
        return Result(self, sqlfiles.load("queries/status"))

    def tickers(self) -> Sequence[str]:
        """The tickers that have bars, in order of name."""
        return [row[0] for row in Result(self, sqlfiles.load("queries/stored_tickers")).fetchall()]


def open_store(path: str | os.PathLike[str], *, create: bool = False, **options: Any) -> Store:
    """Open the store at `path`; see `mtstore.open`."""
    return Store.open(path, create=create, **options)
