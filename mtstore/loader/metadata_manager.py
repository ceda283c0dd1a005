"""`MetadataManager`: read and update the metadata of tickers, with their history."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from datetime import UTC, date, datetime, time
from os import PathLike
from typing import Any

from mtstore import sqlfiles
from mtstore.arguments import did_you_mean, ticker_name
from mtstore.bounds import parse_bounds
from mtstore.errors import InputError, RangeError, TickerError
from mtstore.loader.load.open_store import StoreHolder
from mtstore.storage.settings.ticker_metadata import (
    MetadataVersion,
    merge_mappings,
    merge_metadata,
    metadata_history,
    read_metadata,
    reject_settings,
    set_active_range,
)
from mtstore.store import Store

Day = str | date | None


class MetadataManager(StoreHolder, Mapping[str, dict[str, Any]]):
    """Read and update the metadata of tickers (sector, market_cap, any JSON) in a store.

    As a mapping, it has the tickers with metadata. Updates are merged into the stored metadata under the write lock.
    Every version stays in the commit log with its time. In SQL: the newest version, in the view `tickers`, column
    `metadata`.

    Parameters
    ----------
    store
        A store, or the path of one.
    configured
        Metadata of a configuration, which override the stored ones.

    Raises
    ------
    StoreNotFoundError
        The path has no store.
    """

    def __init__(
        self,
        store: str | PathLike[str] | Store,
        *,
        configured: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._resources = ExitStack()
        self._store = store if isinstance(store, Store) else self._resources.enter_context(Store.open(store))
        self._configured_tickers = frozenset(configured or {})
        self._configured = {name: dict(values) for name, values in (configured or {}).items() if values}

    def get_ticker_metadata(self, ticker: str, *, as_of: str | date | None = None) -> dict[str, Any]:
        """Return a ticker's metadata; empty if there are none.

        Parameters
        ----------
        as_of
            Return what was stored at this instant (naive: UTC), or at the end of this date, without configured values.

        Raises
        ------
        RangeError
            An invalid instant.
        """
        ticker_name(ticker)
        if as_of is None:
            stored = read_metadata(self._store.repository, [ticker]).get(ticker, {})
            return merge_mappings(stored, deepcopy(self._configured.get(ticker, {})))
        instant = _instant(as_of)
        versions = [version for version in self.get_history(ticker) if version.known_at <= instant]
        return versions[-1].metadata if versions else {}

    def update_ticker_metadata(
        self,
        ticker: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        remove: Collection[str] = (),
        **values: Any,
    ) -> dict[str, Any]:
        """Merge `metadata` and `values` into a ticker's metadata, nested mappings too, and return the result.

        Parameters
        ----------
        remove
            Keys to remove.

        Raises
        ------
        InputError
            An invalid ticker, a value that JSON cannot hold, or a setting such as `calendar`, which a configuration
            has.
        StoreLockedError
            Another process wrote for longer than the timeout.
        """
        ticker_name(ticker)
        if metadata is not None and not isinstance(metadata, Mapping):
            raise InputError(f"{ticker}: metadata: was {metadata!r}; use a mapping with text keys")
        changes = {ticker: {**(metadata or {}), **values}}
        reject_settings(changes)
        return merge_metadata(self._store.repository, changes, remove=[remove] if isinstance(remove, str) else remove)[
            ticker
        ]

    def update_many(self, metadata: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Merge metadata of many tickers in one commit; errors as in `update_ticker_metadata`."""
        if isinstance(metadata, Mapping):
            reject_settings(metadata)
        return merge_metadata(self._store.repository, metadata)

    def get_history(self, ticker: str) -> list[MetadataVersion]:
        """Return every stored version of a ticker's metadata with its time, the oldest first."""
        return metadata_history(self._store.repository, ticker_name(ticker))

    def set_active_range(self, ticker: str, active_from: Day = None, active_to: Day = None) -> None:
        """Set the first and last session of a ticker, both included; None leaves an end open.

        Outside the range, aligned and filled values are missing, in Python and in SQL. A configured active range
        overrides it, and `mtstore config apply` replaces it.

        Raises
        ------
        RangeError
            A bound that is not a date, or a first after the last.
        TickerError
            A ticker that is neither configured nor stored; suggests the nearest.
        """
        self._check_ticker(ticker_name(ticker))
        set_active_range(self._store.repository, ticker, _day("active_from", active_from), _day("active_to", active_to))

    def _check_ticker(self, ticker: str) -> None:
        if ticker in self._configured_tickers:
            return
        with self._store.repository.connection() as connection:
            rows = connection.execute(sqlfiles.load("settings.named_tickers")).fetchall()
        valid = {*self._configured_tickers, *(row[0] for row in rows)}
        if ticker not in valid:
            hint = did_you_mean(ticker, valid)
            raise TickerError(f"ticker {ticker!r} is neither configured nor known to the store{hint}")

    def __getitem__(self, ticker: str) -> dict[str, Any]:
        try:
            found = self.get_ticker_metadata(ticker)
        except TickerError as error:
            raise KeyError(ticker) from error
        if not found:
            raise KeyError(ticker)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*read_metadata(self._store.repository), *self._configured}))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _day(name: str, value: Day) -> date | None:
    if value is None:
        return None
    try:
        bound = parse_bounds(value).start
    except RangeError as error:
        raise RangeError(f"{name}: was {value!r}; use a date like '2023-01-31'") from error
    if bound is None or isinstance(bound, datetime):
        raise RangeError(f"{name}: was {value!r}; use a date like '2023-01-31'")
    return bound


def _instant(as_of: Any) -> datetime:
    try:
        bound = parse_bounds(as_of).start
    except RangeError as error:
        raise RangeError(f"as_of{str(error).removeprefix('start')}") from error
    if isinstance(bound, datetime):
        return bound
    return datetime.combine(bound or date.max, time.max, UTC)
