"""What a store gives for tickers and a range: stored bars, series in other intervals, aligned tables; run when read."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.arguments import check_choice, ticker_names
from mtstore.bounds import Bounds, parse_bounds, warn_of_midnight_end
from mtstore.config.choices import SESSIONS
from mtstore.query.align.assemble import assemble
from mtstore.query.fast.rollups import Rollups
from mtstore.query.request.request import DEFAULT_TZ, AlignRequest, SeriesRequest, macro_call
from mtstore.query.request.result import Result, mapped_errors
from mtstore.query.snapshot.hidden_bars import describe_hidden
from mtstore.query.snapshot.refused_dividends import describe_refused_dividends
from mtstore.query.snapshot.store_facts import read_store_facts
from mtstore.query.table.memory_budget import result_limit
from mtstore.query.table.pandas_frames import wide_frame
from mtstore.query.table.wide_table import AssemblyOptions, WideTable, field_names
from mtstore.storage.files.active_files import check_stored

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from mtstore.storage.repository import Repository

APPLIED = "applied"
"""The `max_age` of the applied configuration; None means no limit."""

_SERIES_SETTINGS = {"timezone": "tz", "session": "session", "adjust": "adjust", "partial": "partial"}
_FILL_SETTINGS = {name: name for name in ("fill_volume", "fill_prices", "max_age", "across_sessions")}
_ALIGN_SETTINGS = _SERIES_SETTINGS | _FILL_SETTINGS | {"method": "method"}


class Series(Result):
    """Rows of series in order of time; Arrow and polars give instants in UTC, pandas in the call's zone.

    Reading them is noted as the last use of the tickers named, in the years of `bounds`.
    """

    def __init__(
        self, store: Repository, statement: str, parameters: Mapping[str, Any], tz: str, bounds: Bounds
    ) -> None:
        super().__init__(store, statement, parameters)
        self._tz = tz
        self._bounds = bounds
        self._tickers: Sequence[str] = parameters["tickers"] or ()

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with super()._connection() as connection:
            yield connection
        self._note_use()

    def _note_use(self) -> None:
        self._store.last_used.record(self._tickers, *self._bounds.covering_us())

    def to_pandas(self) -> pd.DataFrame:
        """As a pandas DataFrame: instants in the call's time zone, text as categories; errors as in `to_arrow`."""
        import pyarrow as pa

        table = self.to_arrow()
        for number, name in enumerate(table.schema.names):
            if pa.types.is_string(table.schema.field(number).type):  # a few names, over and over
                table = table.set_column(number, name, table.column(number).dictionary_encode())
        frame: pd.DataFrame = table.to_pandas()
        for name in ("ts_event", "ts_close"):
            if name in frame:
                frame[name] = frame[name].dt.tz_convert(self._tz)
        return frame

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_to_text(self._parameters)})"


class Aligned(Series):
    """Several tickers on one grid: wide for pandas, one row per ticker and bucket elsewhere."""

    def __init__(self, store: Repository, call: AlignRequest) -> None:
        super().__init__(store, call.statement, call.parameters(), call.tz, call.bounds)
        self.call = call

    def to_pandas(
        self,
        *,
        fields: str | Sequence[str] | None = None,
        columns: str = "flat",
        label: str = "left",
        dtype: str = "float64",
        memory_limit: str | int | None = None,
    ) -> pd.DataFrame:
        """The wide frame: one row per bucket, one column per ticker and field.

        Parameters
        ----------
        fields
            One or several of open, high, low, close, volume (the default), vwap, transactions, bar_count.
        columns
            `flat`: `AAPL_open` …; `multi`: a MultiIndex of ticker and field.
        label
            Which edge of a bucket names it: `left` or `right`.
        dtype
            `float64`, or `float32` for half the memory.
        memory_limit
            Most that it may take, such as `2GB`, or a number of bytes; None: four fifths of what is free.

        Raises
        ------
        MemoryLimitError
            It would take more. InputError: a word that is not valid. Else as `to_arrow`.
        """
        wide = self.to_wide(fields=fields, with_close=label == "right", dtype=dtype, memory_limit=memory_limit)
        return wide_frame(wide, self.call.tz, label=label, columns=columns)

    def to_wide(
        self,
        *,
        fields: str | Sequence[str] | None = None,
        with_close: bool = False,
        dtype: str = "float64",
        memory_limit: str | int | None = None,
    ) -> WideTable:
        """The arrays that the wide frame is made of; parameters and errors as in `to_pandas`."""
        names = field_names(fields)
        limit = result_limit(memory_limit)
        making = AssemblyOptions(with_close=with_close, dtype=dtype, max_bytes=limit, rollups=Rollups(self._store))
        with self._store.connection() as connection, mapped_errors():
            facts = read_store_facts(connection)
            wide = assemble(connection, self.call, names, making, facts=facts)
            empty = {ticker for ticker, row in zip(wide.tickers, wide.present, strict=True) if not row.any()}
            hidden = describe_hidden(facts, self.call, wide.tickers, empty)
        if hidden is not None:
            warnings.warn(hidden, stacklevel=3)
        self._note_use()
        return wide


def stored_bars(
    store: Repository,
    tickers: str | Iterable[str] | None,
    start: Any,
    end: Any,
    *,
    schema: str | None = None,
    source: str | None = None,
    session: str = "all",
    tz: str | None = None,
) -> Series:
    """The stored bars of some tickers; see `mtstore.Store.bars`."""
    check_choice("session", session, SESSIONS)
    zone = tz or str(applied_options(store, _SERIES_SETTINGS).get("tz", DEFAULT_TZ))
    bounds = parse_bounds(start, end, tz=zone)
    warn_of_midnight_end(end, bounds)
    names = ticker_names(tickers)
    if names:
        with store.connection() as connection:
            check_stored(connection, names)
    parameters = {
        "tickers": list(names) if names else None,
        "start_ts": bounds.start,
        "end_ts": bounds.end,
        "schema": schema,
        "source": source,
        "session": session,
        "tz": zone,
    }
    return Series(store, sqlfiles.load("request.stored_bars"), parameters, zone, bounds)


def resampled(
    store: Repository,
    tickers: str | Iterable[str] | None,
    interval: Any,
    start: Any,
    end: Any,
    *,
    options: Mapping[str, Any],
) -> Series:
    """Return the rows of the macro `resampled`; see `mtstore.Store.resample`."""
    given = {**applied_options(store, _SERIES_SETTINGS), **options}
    call = SeriesRequest.parse(tickers, interval, start, end, **given)
    _warn_of_refused_dividends(store, call)
    parameters = call.parameters()
    return Series(store, macro_call("resampled", parameters), parameters, call.tz, call.bounds)


def align_request(
    store: Repository,
    tickers: str | Iterable[str] | None,
    interval: Any,
    start: Any,
    end: Any,
    *,
    options: Mapping[str, Any],
) -> AlignRequest:
    """Return a checked request; options that are left out are the applied configuration's, as in the macros."""
    call = AlignRequest.parse(tickers, interval, start, end, **{**applied_options(store, _ALIGN_SETTINGS), **options})
    _warn_of_refused_dividends(store, call)
    return call


def _warn_of_refused_dividends(store: Repository, call: SeriesRequest) -> None:
    if call.adjust != "all":
        return
    with store.connection() as connection, mapped_errors():
        text = describe_refused_dividends(read_store_facts(connection), call)
    if text is not None:
        warnings.warn(text, stacklevel=4)


def request_options(*, max_age: Any = APPLIED, **options: Any) -> dict[str, Any]:
    """Return the options without those that are left to the applied configuration."""
    given = {name: value for name, value in options.items() if value is not None}
    return given if max_age == APPLIED else given | {"max_age": max_age}


def applied_options(store: Repository, names: Mapping[str, str]) -> dict[str, Any]:
    """What `mtstore config apply` published for some keys of `alignment`, by the names of a call's options."""
    with store.connection() as connection:
        rows = connection.execute(sqlfiles.load("objects.applied_settings")).fetchall()
    applied = {key.removeprefix("alignment."): json.loads(value) for key, value in rows if key.startswith("alignment.")}
    return {option: applied[key] for key, option in names.items() if applied.get(key) is not None}


def _to_text(parameters: Any) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in dict(parameters).items() if value is not None)
