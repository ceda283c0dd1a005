"""`MetadataManager`: what is known of tickers besides their bars, and when it was known."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from datetime import UTC, date, datetime, time
from os import PathLike
from typing import Any, Self

from mtstore import sqlfiles
from mtstore.arguments import did_you_mean, ticker_name
from mtstore.bounds import parse_bounds
from mtstore.errors import InputError, RangeError, TickerError
from mtstore.storage.repository import Repository
from mtstore.storage.settings.ticker_metadata import (
    MetadataVersion,
    merge_mappings,
    merge_metadata,
    metadata_history,
    read_metadata,
    set_active_range,
)
from mtstore.store import Store

Day = str | date | None


class MetadataManager(Mapping[str, dict[str, Any]]):
    """Reads and updates the metadata of tickers (sector, market_cap, anything that JSON can hold) in a store.

    Updates are merged into what is there, under the store's write lock; nothing that others said is lost. Every version
    stays in the commit log with its time, and `rebuild` keeps them. SQL sees the newest in the view `tickers`, column
    `metadata`. As a mapping, the manager has the tickers that have metadata.

    Parameters
    ----------
    store
        A store, or the path of one.
    configured
        Metadata of a configuration, which goes over what the store has.

    Raises
    ------
    StoreNotFoundError
        There is no store at that path.
    """

    def __init__(
        self,
        store: str | PathLike[str] | Store,
        *,
        configured: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._resources = ExitStack()
        if isinstance(store, Store):
            self._store = store.repository
        else:
            self._store = self._resources.enter_context(Repository.open(store))
        self._known = frozenset(configured or {})
        self._configured = {name: dict(values) for name, values in (configured or {}).items() if values}

    def get_ticker_metadata(self, ticker: str, *, as_of: str | date | None = None) -> dict[str, Any]:
        """What is known of a ticker; empty if nothing is.

        Parameters
        ----------
        as_of
            What the store knew at that moment (a naive one is UTC), instead of now; of a date, at its end.

        Raises
        ------
        RangeError
            A moment that cannot be read.
        """
        ticker_name(ticker)
        if as_of is None:
            known = read_metadata(self._store, [ticker]).get(ticker, {})
            return merge_mappings(known, deepcopy(self._configured.get(ticker, {})))
        moment = _moment(as_of)
        versions = [version for version in self.get_history(ticker) if version.known_at <= moment]
        return versions[-1].metadata if versions else {}

    def update_ticker_metadata(
        self,
        ticker: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        remove: Collection[str] = (),
        **values: Any,
    ) -> dict[str, Any]:
        """Merge `metadata` and `values` into what is known of a ticker, mappings within it too; gives the result.

        Parameters
        ----------
        remove
            Keys that go.

        Raises
        ------
        InputError
            A value that JSON cannot hold, or a name that no ticker can have.
        StoreLockedError
            Another process wrote for longer than the timeout.
        """
        ticker_name(ticker)
        if metadata is not None and not isinstance(metadata, Mapping):
            raise InputError(f"{ticker}: metadata is a mapping with text keys, got {metadata!r}")
        changes = {ticker: {**(metadata or {}), **values}}
        return merge_metadata(self._store, changes, remove=[remove] if isinstance(remove, str) else remove)[ticker]

    def update_many(self, metadata: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Merge metadata of many tickers in one commit; errors as in `update_ticker_metadata`."""
        return merge_metadata(self._store, metadata)

    def get_history(self, ticker: str) -> list[MetadataVersion]:
        """Every version of what the store knew of a ticker, with its time, the oldest first."""
        return metadata_history(self._store, ticker_name(ticker))

    def set_active_range(self, ticker: str, active_from: Day = None, active_to: Day = None) -> None:
        """Say between which sessions a ticker is shown, both included; None leaves that end open.

        Outside of it aligned values are missing, filled ones too, in Python and in SQL. A configuration that states an
        active range of its own goes over this one, and `mtstore config apply` puts what it states in its place.

        Raises
        ------
        RangeError
            A bound that is no date, or a first after the last.
        TickerError
            A ticker that is neither configured nor known to the store; the nearest that is is named.
        """
        self._check_known(ticker_name(ticker))
        first, last = (_day(name, value) for name, value in (("active_from", active_from), ("active_to", active_to)))
        set_active_range(self._store, ticker, first, last)

    def _check_known(self, ticker: str) -> None:
        if ticker in self._known:
            return
        with self._store.connection() as connection:
            rows = connection.execute(sqlfiles.load("settings.named_tickers")).fetchall()
        known = {*self._known, *(row[0] for row in rows)}
        if ticker not in known:
            hint = did_you_mean(ticker, known)
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
        return iter(sorted({*read_metadata(self._store), *self._configured}))

    def __len__(self) -> int:
        return len({*read_metadata(self._store), *self._configured})

    def close(self) -> None:
        """Let go of the store, if it was opened by its path."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"MetadataManager({str(self._store.path)!r})"


def _day(name: str, value: Day) -> date | None:
    if value is None:
        return None
    try:
        bound = parse_bounds(value).start
    except RangeError as error:
        raise RangeError(f"{name} is a date like '2023-01-31', got {value!r}") from error
    if bound is None or isinstance(bound, datetime):
        raise RangeError(f"{name} is a date like '2023-01-31', got {value!r}")
    return bound


def _moment(as_of: Any) -> datetime:
    try:
        bound = parse_bounds(as_of).start
    except RangeError as error:
        raise RangeError(f"as_of{str(error).removeprefix('start')}") from error
    if isinstance(bound, datetime):
        return bound
    return datetime.combine(bound or date.max, time.max, UTC)
