"""One load of aligned bars: check the range, validate, convert to frames, report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from mtstore.errors import DataQualityError
from mtstore.loader.load.fetch_missing import FetchOutcome, FoundWarning, empty_warning, fetch_warnings, issue_warnings
from mtstore.loader.load.missing_data import describe_missing, missing_ranges, other_sources
from mtstore.loader.load.requests import LoadArguments, align_request
from mtstore.loader.load.result import LoadResult, TickerResult
from mtstore.loader.validation.outcome import (
    DataQualityWarning,
    ValidationOutcome,
    evaluate,
    evaluate_counts,
    inline_checks_for,
    splits_warning,
)
from mtstore.query.snapshot.hidden_bars import describe_hidden
from mtstore.query.snapshot.refused_dividends import describe_refused_dividends
from mtstore.query.snapshot.uncovered import describe_ranges
from mtstore.query.table.memory_budget import load_limit, peak_bytes
from mtstore.query.table.pandas_frames import check_columns, wide_frame
from mtstore.query.table.wide_table import AssemblyOptions, WideTable, field_names

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from mtstore.config import Config, TickerSettings
    from mtstore.query.request.request import AlignRequest
    from mtstore.query.snapshot.store_facts import StoreFacts
    from mtstore.ranges import TimeRange
    from mtstore.store import Store

IS_OUTLIER = "is_outlier"


@dataclass(slots=True)
class Load:
    """One load: what was requested, and what became of it.

    Attributes
    ----------
    fetched
        The result of fetching missing data for it.
    missing
        Ranges that the store does not cover, by ticker.
    warnings
        Texts and categories, until `warn` issues them.
    """

    config: Config
    call: AlignRequest
    arguments: LoadArguments
    fields: tuple[str, ...]
    began: float = field(default_factory=time.monotonic)
    fetched: FetchOutcome = field(default_factory=FetchOutcome)
    outcome: ValidationOutcome = field(default_factory=ValidationOutcome)
    missing: Mapping[str, tuple[TimeRange, ...]] = field(default_factory=dict)
    warnings: list[FoundWarning] = field(default_factory=list)
    _seconds: float = 0.0
    _rows: int = 0
    _bytes: int = 0
    _present: dict[str, int] = field(default_factory=dict)
    _unstored: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Config, store: Store, arguments: LoadArguments) -> Self:
        """Check the arguments; errors as in `MultiTickerDataLoader.load_data`."""
        call = align_request(config, store, arguments.tickers, arguments.start, arguments.end)
        check_columns(arguments.columns)
        return cls(config, call, arguments, field_names(arguments.fields))

    @property
    def tickers(self) -> tuple[str, ...]:
        """The tickers to load, in column order."""
        return self.call.tickers or ()

    def check(self, facts: StoreFacts, store_path: Path) -> AssemblyOptions:
        """Check that the range is covered and valid, and return how to assemble it; warnings wait in `warnings`.

        MissingDataError, DataQualityError: as in `MultiTickerDataLoader.load_data`.
        """
        self.check_range(facts, store_path)
        self.check_calendars(facts)
        return self.check_validity(facts)

    def check_range(self, facts: StoreFacts, store_path: Path) -> None:
        """Check that the range is covered, its splits and its dividends; the first part of `check`."""
        self.warnings += fetch_warnings(self.fetched)
        self.warnings += empty_warning(self.fetched, facts.series)
        self.missing = missing_ranges(facts, self.call, self.fetched)
        text = describe_missing(facts, self.config, store_path, self.call, self.missing)
        texts = [text, *other_sources(facts, self.config, self.tickers)]
        self.warnings += [(one, UserWarning) for one in texts if one is not None]
        splits = splits_warning(facts, self.call, self.tickers)
        if splits is not None:
            self.warnings.append((f"{self.call.bounds}: {splits}", DataQualityWarning))
        refused = describe_refused_dividends(facts, self.call)
        if refused is not None:
            self.warnings.append((refused, DataQualityWarning))

    def check_calendars(self, facts: StoreFacts) -> None:
        """Look for bars that guessed calendars leave out of the result, which `to_frame` has returned."""
        empty = {name for name, rows in self._present.items() if not rows}
        text = describe_hidden(facts, self.call, self.tickers, empty)
        if text is not None:
            self.warnings.append((text, UserWarning))

    def check_validity(self, facts: StoreFacts, *, may_inline: bool = False) -> AssemblyOptions:
        """Find gaps and outliers; the second part of `check`.

        With `may_inline`, they may be counted during assembly instead; then `finish` evaluates the counts.
        """
        multi = self.config.multi_ticker
        checks = None
        if multi.validation.enabled:
            settings = self.resolve_settings()
            checks = inline_checks_for(facts, self.call, settings) if may_inline else None
            if checks is None:
                self.apply_outcome(evaluate(facts, self.call, settings))
        return AssemblyOptions(
            with_close=multi.alignment.label == "right",
            dtype=self.arguments.dtype,
            max_bytes=load_limit(self.config),
            masked=self.outcome.masked,
            observer=checks,
            fill_value=multi.alignment.fill_value,
        )

    def finish(self, options: AssemblyOptions) -> None:
        """Evaluate what inline checks counted during assembly, if any; errors as in `check`."""
        if options.observer is not None:
            self.apply_outcome(evaluate_counts(options.observer, self.resolve_settings()))

    def resolve_settings(self) -> dict[str, TickerSettings]:
        """Return the settings of each ticker to load, after all layers."""
        return {name: self.config.ticker(name) for name in self.tickers}

    def apply_outcome(self, outcome: ValidationOutcome) -> None:
        """Record a validation outcome; raise DataQualityError if it fails the load."""
        self.outcome = outcome
        if outcome.failure is not None:
            raise DataQualityError(f"{self.call.bounds}: {outcome.failure}")
        if outcome.warning is not None:
            self.warnings.append((f"{self.call.bounds}: {outcome.warning}", DataQualityWarning))

    def warn(self, stacklevel: int) -> None:
        """Issue the warnings; `stacklevel` 1 is the caller of this method."""
        issue_warnings(self.warnings, stacklevel + 1)
        self.warnings.clear()

    def to_frame(self, wide: WideTable) -> pd.DataFrame:
        """Convert a wide table, of the whole load or of a chunk, to a frame, and count its rows."""
        alignment, columns = self.config.multi_ticker.alignment, self.arguments.columns
        unstored = tuple(name for name, is_stored in zip(wide.tickers, wide.stored, strict=True) if not is_stored)
        self._record(wide, unstored)
        frame = wide_frame(wide, alignment.timezone, label=alignment.label, columns=columns)
        if self.outcome.flags:
            frame = _with_flags(frame, wide, self.outcome.flags, columns)
        if unstored and self.config.multi_ticker.skip_columns == "drop":
            skipped = {_column(name, part, columns) for name in unstored for part in (*wide.fields, IS_OUTLIER)}
            frame = frame.drop(columns=[name for name in frame.columns if name in skipped])
        self._seconds = time.monotonic() - self.began
        return frame

    def result(self) -> LoadResult:
        """Describe the load so far."""
        is_dropped = self.config.multi_ticker.skip_columns == "drop"
        names = [name for name in self._present if not is_dropped or name not in self._unstored]
        return LoadResult(
            tuple(self._ticker_result(name) for name in self._present),
            rows=self._rows,
            columns=len(names) * len(self.fields),
            seconds=self._seconds,
            output_bytes=self._bytes,
            peak_memory_bytes=peak_bytes(),
        )

    def _record(self, wide: WideTable, unstored: tuple[str, ...]) -> None:
        import numpy as np

        self._rows += len(wide.ts_us)
        self._bytes = max(self._bytes, wide.values.nbytes)
        self._unstored = unstored
        for name, present in zip(wide.tickers, wide.present, strict=True):
            self._present[name] = self._present.get(name, 0) + int(np.count_nonzero(present))

    def _ticker_result(self, ticker: str) -> TickerResult:
        fetch = self.fetched.for_ticker(ticker)
        error = None if fetch is None else fetch.error
        if error is None and ticker in self.missing:
            error = f"not covered: {describe_ranges({ticker: self.missing[ticker]}, self.call.tz)}"
        elif error is None and ticker in self._unstored:
            error = "nothing is stored"
        rows = self._present[ticker]
        return TickerResult(
            ticker,
            rows,
            0.0 if fetch is None else fetch.seconds,
            error,
            rows / self._rows if self._rows else 0.0,
            self.outcome.gap_counts.get(ticker),
            self.outcome.outlier_counts.get(ticker),
            *(() if fetch is None else (fetch.fetched, fetch.cached, fetch.requests, fetch.retries, bool(fetch.stale))),
        )


def _with_flags(frame: pd.DataFrame, wide: WideTable, flags: Mapping[str, np.ndarray], columns: str) -> pd.DataFrame:
    """Append a boolean column for each ticker whose outliers are flagged."""
    import numpy as np
    import pandas as pd

    names = [name for name in wide.tickers if name in flags]
    marks = {_column(name, IS_OUTLIER, columns): np.isin(wide.ts_us, flags[name]) for name in names}
    flagged = pd.DataFrame(marks, index=frame.index)
    if columns == "multi":
        flagged.columns = pd.MultiIndex.from_product([names, [IS_OUTLIER]], names=frame.columns.names)
    return pd.concat([frame, flagged], axis=1)


def _column(ticker: str, name: str, columns: str) -> str | tuple[str, str]:
    return (ticker, name) if columns == "multi" else f"{ticker}_{name}"
