"""`MultiTickerDataLoader`: one aligned frame of many tickers, as a configuration describes it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

from mtstore import sqlfiles
from mtstore.config import load_config
from mtstore.errors import InputError, MissingDataError
from mtstore.facade import Store
from mtstore.loader.sight import sight
from mtstore.query.calls import AlignCall, SeriesCall
from mtstore.query.frames import long_frame, wide_frame
from mtstore.query.missing import spell_missing, uncovered
from mtstore.query.result import mapped_errors
from mtstore.query.wide import DEFAULT_FIELDS, Making, Wide, assemble
from mtstore.words import did_you_mean

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from mtstore.config import Config, TickerSettings


class MultiTickerDataLoader:
    """Loads the configured tickers as one aligned frame.

    Parameters
    ----------
    config
        A mapping or the path of a YAML file: the whole configuration, or its inner `multi_ticker` mapping.

    Attributes
    ----------
    config
        The checked configuration.
    ticker_configs
        What holds for each ticker of the universe, after all layers.
    aligned_data
        The frame that `load_data` gave last; None before the first.
    weights
        The configured weights by ticker, never normalised.

    Raises
    ------
    ConfigError
        The configuration cannot be right; all problems are listed.
    StoreNotFoundError
        There is no store at the configured path.
    """

    def __init__(self, config: str | PathLike[str] | Mapping[str, Any] | Config) -> None:
        self.config = load_config(config)
        for text in self.config.warnings():
            warnings.warn(text, stacklevel=2)
        self.ticker_configs: dict[str, TickerSettings] = {
            name: self.config.ticker(name) for name in self.config.universe
        }
        self.aligned_data: pd.DataFrame | None = None
        self._resources = ExitStack()
        self._store = self._resources.enter_context(Store.open(self.config.store_path))
        self._last_range: tuple[Any, Any] = (None, None)

    @property
    def store(self) -> Store:
        """The store that is read."""
        return self._store

    @property
    def weights(self) -> dict[str, float]:
        """The configured weights, of the tickers that have one."""
        return {name: entry.weight for name, entry in self.ticker_configs.items() if entry.weight is not None}

    def load_data(
        self,
        start: Any = None,
        end: Any = None,
        *,
        tickers: Iterable[str] | None = None,
        fields: Sequence[str] | None = None,
        columns: str = "flat",
    ) -> pd.DataFrame:
        """One aligned frame: one row per bucket, one column per ticker and field.

        Parameters
        ----------
        start, end
            Bare dates take whole sessions, the end date included; instants are half-open; naive times are wall time in
            `alignment.timezone`. None: as far as anything is stored.
        tickers
            Some tickers instead of the universe, in this order.
        fields
            Of open, high, low, close, volume (the default), vwap, transactions, bar_count.
        columns
            `flat`: `AAPL_open` …; `multi`: a MultiIndex of ticker and field.

        Returns
        -------
        pandas.DataFrame
            float64, index `timestamp` (tz-aware, in `alignment.timezone`, labelled by `alignment.label`). The same
            values as the macro `aligned_outer`, `aligned_inner` or `aligned_ffill` gives in SQL.

        Raises
        ------
        MissingDataError
            The store does not cover the range, and `on_missing` is `raise`; names tickers and ranges.
        InputError
            A ticker that is neither configured nor stored, a field that bars lack, bounds that cannot be read.
        """
        alignment = self.config.multi_ticker.alignment
        call = self._align_call(self._wanted(tickers), start, end)
        chosen = tuple(fields or DEFAULT_FIELDS)
        with sight(self._store, self.config) as connection, mapped_errors():
            self._check_covered(connection, call)
            wide = assemble(connection, call, chosen, Making(with_close=alignment.label == "right"))
        self._replace_missing(wide)
        frame = wide_frame(wide, alignment.timezone, label=alignment.label, columns=columns)
        if self.config.multi_ticker.skip_columns == "drop":
            skipped = [name for name, is_stored in zip(wide.tickers, wide.stored, strict=True) if not is_stored]
            frame = _without_tickers(frame, skipped, columns)
        self.aligned_data = frame
        self._last_range = (start, end)
        return frame

    def get_ticker_data(self, ticker: str, start: Any = None, end: Any = None) -> pd.DataFrame:
        """One ticker's bars at its own interval and session, not aligned with anybody.

        Over the range that was loaded last, if none is given.

        Returns
        -------
        pandas.DataFrame
            Index `timestamp` in `alignment.timezone`; columns open, high, low, close, volume, vwap, transactions.

        Raises
        ------
        MissingDataError, InputError
            As in `load_data`.
        """
        if start is None and end is None:
            start, end = self._last_range
        alignment = self.config.multi_ticker.alignment
        settings = self.config.ticker(ticker)
        call = SeriesCall.parse(
            [ticker],
            settings.bar_interval,
            start,
            end,
            tz=alignment.timezone,
            session=alignment.session,
            anchor=alignment.anchor,
            adjust=alignment.adjust,
        )
        self._wanted([ticker])
        with sight(self._store, self.config) as connection, mapped_errors():
            self._check_covered(connection, call)
            rows = connection.sql(sqlfiles.load("queries/ticker_rows"), params=call.parameters()).to_arrow_table()
        return long_frame(rows, alignment.timezone)

    def close(self) -> None:
        """Let go of the store."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"MultiTickerDataLoader({len(self.ticker_configs)} tickers, store {str(self._store.path)!r})"

    def _wanted(self, tickers: Iterable[str] | None) -> tuple[str, ...]:
        """The tickers to load; those that nobody knows are refused with the nearest name."""
        if tickers is None:
            return tuple(self.ticker_configs) or tuple(self._store.tickers())
        asked = (tickers,) if isinstance(tickers, str) else tuple(tickers)
        known = {*(settings.ticker for settings in self.config.all_tickers()), *self._store.tickers()}
        for name in asked:
            if name not in known:
                raise InputError(f"ticker {name!r} is neither configured nor stored{did_you_mean(name, known)}")
        return asked

    def _align_call(self, tickers: tuple[str, ...], start: Any, end: Any) -> AlignCall:
        alignment = self.config.multi_ticker.alignment
        return AlignCall.parse(
            tickers,
            alignment.resampling,
            start,
            end,
            tz=alignment.timezone,
            session=alignment.session,
            anchor=alignment.anchor,
            adjust=alignment.adjust,
            method=alignment.method,
            fill_volume=alignment.fill_volume,
            fill_prices=alignment.fill_prices,
            max_age=alignment.max_age,
            across_sessions=alignment.across_sessions,
            lookback=alignment.lookback,
        )

    def _check_covered(self, connection: duckdb.DuckDBPyConnection, call: SeriesCall) -> None:
        missing = uncovered(connection, call, call.tickers or (), datetime.now(UTC))
        if not missing:
            return
        text = (
            f"{self._store.path} does not cover {call.bounds} for {len(missing)} of {len(call.tickers or ())} tickers: "
            f"{spell_missing(missing, call.tz)}"
        )
        if self.config.multi_ticker.on_missing == "raise":
            raise MissingDataError(f"{text}; ingest them, or set on_missing: warn")
        warnings.warn(text, stacklevel=3)

    def _replace_missing(self, wide: Wide) -> None:
        """`alignment.fill_value` for what is missing; never for prices unless it was set."""
        import numpy as np

        value = self.config.multi_ticker.alignment.fill_value
        if value is not None:
            wide.values[np.isnan(wide.values)] = value


def _without_tickers(frame: pd.DataFrame, skipped: Sequence[str], columns: str) -> pd.DataFrame:
    if not skipped:
        return frame
    if columns == "multi":
        return frame.drop(columns=list(skipped), level="ticker")
    return frame.drop(columns=[name for name in frame.columns if name.rpartition("_")[0] in skipped])
