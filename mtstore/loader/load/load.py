"""One load: an aligned call over a configuration's view of a store, checked, made, and turned into frames."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mtstore.errors import DataQualityError
from mtstore.loader.load.fetch_missing import FetchOutcome, empty_warning, fetch_warnings
from mtstore.loader.load.missing_data import missing_ranges, missing_sentence, other_sources
from mtstore.loader.load.report import LoadReport, TickerReport
from mtstore.loader.validation.outcome import (
    DataQualityWarning,
    Verdict,
    judge,
    judge_watched,
    splits_warning,
    watch_for,
)
from mtstore.query.snapshot.uncovered import describe_ranges
from mtstore.query.table.memory_budget import load_limit, peak_bytes
from mtstore.query.table.pandas_frames import check_columns, wide_frame
from mtstore.query.table.wide_table import AssemblyOptions, WideTable, check_fields

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from mtstore.config import Config, TickerSettings
    from mtstore.query.request.request import AlignRequest
    from mtstore.query.snapshot.store_facts import StoreFacts
    from mtstore.ranges import TimeRange

IS_OUTLIER = "is_outlier"


@dataclass(slots=True)
class Load:
    """What is to be loaded, and what became of it.

    Attributes
    ----------
    columns
        `flat` or `multi`.
    dtype
        `float64` or `float32`.
    fetched
        What came of fetching for it.
    """

    config: Config
    call: AlignRequest
    fields: tuple[str, ...]
    columns: str = "flat"
    dtype: str = "float64"
    began: float = field(default_factory=time.monotonic)
    fetched: FetchOutcome = field(default_factory=FetchOutcome)
    verdict: Verdict = field(default_factory=Verdict)
    missing: Mapping[str, tuple[TimeRange, ...]] = field(default_factory=dict)
    warnings: list[tuple[str, type[Warning]]] = field(default_factory=list)
    _seconds: float = 0.0
    _rows: int = 0
    _bytes: int = 0
    _present: dict[str, int] = field(default_factory=dict)
    _unstored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self.fields)
        check_columns(self.columns)

    def check(self, facts: StoreFacts, store_path: Path) -> AssemblyOptions:
        """Look whether the range is covered and valid; gives how it is to be made. Warnings wait in `warnings`.

        Raises
        ------
        MissingDataError
            The store does not cover the range, and `on_missing` is `raise`.
        DataQualityError
            A ticker whose `on_failure` is `raise` has gaps or outliers.
        """
        self.check_range(facts, store_path)
        return self.check_validity(facts)

    def check_range(self, facts: StoreFacts, store_path: Path) -> None:
        """The first part of `check`: whether the range is covered, and which splits it crosses."""
        self.warnings += fetch_warnings(self.fetched)
        self.warnings += empty_warning(self.fetched, facts.series)
        self.missing = missing_ranges(facts, self.call, self.fetched)
        text = missing_sentence(facts, self.config, store_path, self.call, self.missing)
        told = [text, *other_sources(facts, self.config, self.call.tickers or ())]
        self.warnings += [(one, UserWarning) for one in told if one is not None]
        splits = splits_warning(facts, self.call, self.call.tickers or ())
        if splits is not None:
            self.warnings.append((f"{self.call.bounds}: {splits}", DataQualityWarning))

    def check_validity(self, facts: StoreFacts, *, may_watch: bool = False) -> AssemblyOptions:
        """The second part of `check`: whether what is stored is valid.

        With `may_watch`, gaps and outliers may be left to be counted while the load is made; `settle` ends that.
        """
        multi = self.config.multi_ticker
        watch = None
        if multi.validation.enabled:
            settings = self._settings()
            watch = watch_for(facts, self.call, settings) if may_watch else None
            if watch is None:
                self.conclude(judge(facts, self.call, settings))
        return AssemblyOptions(
            with_close=multi.alignment.label == "right",
            dtype=self.dtype,
            max_bytes=load_limit(self.config),
            masked=self.verdict.blanks,
            observer=watch,
            fill_value=multi.alignment.fill_value,
        )

    def settle(self, making: AssemblyOptions) -> None:
        """Judge what was counted while the load was made, if anything was; errors as in `check`."""
        if making.observer is not None:
            self.conclude(judge_watched(making.observer, self._settings()))

    def _settings(self) -> dict[str, TickerSettings]:
        return {name: self.config.ticker(name) for name in self.call.tickers or ()}

    def conclude(self, verdict: Verdict) -> None:
        """Take a verdict; DataQualityError if it is that the load fails."""
        self.verdict = verdict
        if verdict.failure is not None:
            raise DataQualityError(f"{self.call.bounds}: {verdict.failure}")
        if verdict.warning is not None:
            self.warnings.append((f"{self.call.bounds}: {verdict.warning}", DataQualityWarning))

    def warn(self, stacklevel: int) -> None:
        """Say what was found; `stacklevel` 1 is the caller of this method."""
        for text, category in self.warnings:
            warnings.warn(text, category, stacklevel=stacklevel + 1)
        self.warnings.clear()

    def to_frame(self, wide: WideTable) -> pd.DataFrame:
        """A wide table, all of the load or a chunk of it, as a frame."""
        alignment = self.config.multi_ticker.alignment
        self._note(wide)
        frame = wide_frame(wide, alignment.timezone, label=alignment.label, columns=self.columns)
        if self.verdict.flags:
            frame = _with_flags(frame, wide, self.verdict.flags, self.columns)
        if self.config.multi_ticker.skip_columns == "drop":
            frame = _without_tickers(frame, wide, self.columns)
        self._seconds = time.monotonic() - self.began
        return frame

    def report(self) -> LoadReport:
        """What the load was like, up to now."""
        width = sum(name not in self._unstored for name in self._present) * len(self.fields)
        return LoadReport(
            tuple(self._report_on(name) for name in self._present),
            rows=self._rows,
            columns=width if self.config.multi_ticker.skip_columns == "drop" else len(self._present) * len(self.fields),
            seconds=self._seconds,
            output_bytes=self._bytes,
            peak_memory_bytes=peak_bytes(),
        )

    def _note(self, wide: WideTable) -> None:
        import numpy as np

        self._rows += len(wide.ts_us)
        self._bytes = max(self._bytes, wide.values.nbytes)
        self._unstored = tuple(name for name, is_stored in zip(wide.tickers, wide.stored, strict=True) if not is_stored)
        for name, present in zip(wide.tickers, wide.present, strict=True):
            self._present[name] = self._present.get(name, 0) + int(np.count_nonzero(present))

    def _report_on(self, ticker: str) -> TickerReport:
        told = self.fetched.of(ticker)
        error = None if told is None else told.error
        if error is not None:
            pass
        elif ticker in self.missing:
            error = f"not covered: {describe_ranges({ticker: self.missing[ticker]}, self.call.tz)}"
        elif ticker in self._unstored:
            error = "nothing is stored"
        rows = self._present[ticker]
        return TickerReport(
            ticker,
            rows,
            0.0 if told is None else told.seconds,
            error,
            rows / self._rows if self._rows else 0.0,
            self.verdict.gap_counts.get(ticker),
            self.verdict.outlier_counts.get(ticker),
            *(() if told is None else (told.fetched, told.cached, told.requests, told.retries, bool(told.stale))),
        )


def _with_flags(frame: pd.DataFrame, wide: WideTable, flags: Mapping[str, np.ndarray], columns: str) -> pd.DataFrame:
    """The frame with a column of booleans for each ticker whose outliers are flagged."""
    import numpy as np
    import pandas as pd

    names = [name for name in wide.tickers if name in flags]
    marks = {_column(name, IS_OUTLIER, columns): np.isin(wide.ts_us, flags[name]) for name in names}
    flagged = pd.DataFrame(marks, index=frame.index)
    if columns == "multi":
        flagged.columns = pd.MultiIndex.from_product([names, [IS_OUTLIER]], names=frame.columns.names)
    return pd.concat([frame, flagged], axis=1)


def _without_tickers(frame: pd.DataFrame, wide: WideTable, columns: str) -> pd.DataFrame:
    """The frame without the tickers of which nothing is stored."""
    skipped = [name for name, is_stored in zip(wide.tickers, wide.stored, strict=True) if not is_stored]
    wanted = {_column(name, part, columns) for name in skipped for part in (*wide.fields, IS_OUTLIER)}
    return frame.drop(columns=[name for name in frame.columns if name in wanted]) if skipped else frame


def _column(ticker: str, name: str, columns: str) -> str | tuple[str, str]:
    return (ticker, name) if columns == "multi" else f"{ticker}_{name}"
