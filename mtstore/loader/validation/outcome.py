"""Validate a load: find gaps, outliers and splits, and decide what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mtstore.arguments import first_few
from mtstore.config.ticker_settings import JUMP_STD
from mtstore.loader.validation.checks import (
    counts_by_ticker,
    find_problems,
    labels_by_ticker,
    outliers_beyond,
    splits_between,
)
from mtstore.query.align.assemble import plan_fast_path
from mtstore.query.fast.inline_checks import InlineChecks, supports_inline_checks
from mtstore.query.table.wide_table import MaskedBars, TickerObserver

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from mtstore.config import TickerSettings
    from mtstore.query.request.request import AlignRequest
    from mtstore.query.snapshot.store_facts import StoreFacts


class DataQualityWarning(UserWarning):
    """A load has gaps or outliers beyond its limits, or crosses a split unadjusted."""


@dataclass(frozen=True, slots=True)
class Validation:
    """The result of `MultiTickerDataLoader.validate`.

    Attributes
    ----------
    gaps
        One row per run of missing bars longer than the ticker's limit; instants in the load's zone.
    outliers
        One row per bar whose return is beyond the ticker's threshold, compared with all returns of the range.
    splits
        Known splits in the range.
    """

    gaps: pd.DataFrame
    outliers: pd.DataFrame
    splits: pd.DataFrame

    def __str__(self) -> str:
        counts = [(len(self.gaps), "gap"), (len(self.outliers), "outlier"), (len(self.splits), "split")]
        return ", ".join(_plural(count, word) for count, word in counts)

    def __repr__(self) -> str:
        return f"Validation({self})"

    @property
    def is_clean(self) -> bool:
        """Whether there are neither gaps nor outliers."""
        return self.gaps.empty and self.outliers.empty


@dataclass(frozen=True, slots=True)
class ValidationOutcome:
    """What follows for a load.

    Attributes
    ----------
    warning, failure
        Messages; a failure fails the load.
    masked
        Outliers to drop: those of tickers whose `on_failure` is `drop`.
    flags
        Labels of the outliers of each ticker whose `on_failure` is `flag`.
    gap_counts, outlier_counts
        By checked ticker.
    """

    warning: str | None = None
    failure: str | None = None
    masked: MaskedBars | None = None
    flags: Mapping[str, np.ndarray] = field(default_factory=dict)
    gap_counts: Mapping[str, int] = field(default_factory=dict)
    outlier_counts: Mapping[str, int] = field(default_factory=dict)


def validate(facts: StoreFacts, call: AlignRequest, settings: Mapping[str, TickerSettings]) -> Validation:
    """Find all problems in a request's range."""
    import pandas as pd

    found = find_problems(facts.connection, call, settings)
    columns = ["ticker", "execution_date", "split_from", "split_to"]
    splits = pd.DataFrame(splits_between(facts, call, settings), columns=columns)
    return Validation(_frame(found.gaps, call.tz), _frame(found.outliers, call.tz), splits)


def evaluate(facts: StoreFacts, call: AlignRequest, settings: Mapping[str, TickerSettings]) -> ValidationOutcome:
    """Find gaps and outliers in a load's range, and decide what follows."""
    import numpy as np

    flagged = [name for name, entry in settings.items() if entry.on_failure == "flag"]
    dropped = [name for name, entry in settings.items() if entry.on_failure == "drop"]
    trailing = [*flagged, *dropped]
    found = find_problems(facts.connection, call, settings, trailing=trailing)
    checked = [name for name in settings if settings[name].check_outliers]
    gaps = counts_by_ticker(found.gaps, [name for name in settings if settings[name].check_gaps])
    outliers = counts_by_ticker(found.outliers, [name for name in checked if name not in trailing])
    # Outliers that are flagged or dropped are counted, but need no message.
    handled = counts_by_ticker(found.trailing_outliers, [name for name in checked if name in trailing])
    labels = labels_by_ticker(found.trailing_outliers)
    masked = {name: labels[name] for name in dropped if name in labels}
    beyond = None if found.outliers is None else outliers_beyond(found.outliers, _warning_limits(settings))
    warning, failure = _messages(settings, gaps, counts_by_ticker(beyond, outliers))
    return ValidationOutcome(
        warning,
        failure,
        masked=MaskedBars(masked) if masked else None,
        flags={name: labels.get(name, np.zeros(0, dtype=np.int64)) for name in flagged},
        gap_counts=gaps,
        outlier_counts=outliers | handled,
    )


def inline_checks_for(
    facts: StoreFacts, call: AlignRequest, settings: Mapping[str, TickerSettings]
) -> InlineChecks | None:
    """Return checks that run during assembly; None where `evaluate` must run before it."""
    if any(entry.on_failure in {"flag", "drop"} for entry in settings.values()):
        return None
    chosen = plan_fast_path(facts, call)
    if chosen is None or not supports_inline_checks(chosen, call):
        return None
    # Outliers are those of split-adjusted prices; across days, the load's prices must equal them.
    is_adjusted = call.adjust == "splits" or (call.adjust == "none" and not splits_between(facts, call, settings))
    if not call.interval.is_intraday and not is_adjusted:
        return None
    return InlineChecks(
        chosen.buckets,
        {name: entry.max_gap_minutes for name, entry in settings.items() if entry.check_gaps},
        {name: entry.outlier_std_threshold for name, entry in settings.items() if entry.check_outliers},
        _warning_limits(settings),
    )


def evaluate_counts(checks: TickerObserver, settings: Mapping[str, TickerSettings]) -> ValidationOutcome:
    """Decide what follows from the counts of inline checks."""
    messages = _messages(settings, checks.gap_counts, checks.warned_counts)
    return ValidationOutcome(*messages, gap_counts=checks.gap_counts, outlier_counts=checks.outlier_counts)


def splits_warning(facts: StoreFacts, call: AlignRequest, tickers: Iterable[str]) -> str | None:
    """Return a warning about the splits that a load's range crosses unadjusted, if any."""
    splits = splits_between(facts, call, tickers) if call.adjust == "none" else ()
    if not splits:
        return None
    listed = [f"{ticker} {to:g} for {before:g} on {day}" for ticker, day, before, to in splits]
    return (
        f"the range crosses splits ({first_few(listed)}) and alignment.adjust is 'none': "
        "prices jump there; adjust: splits makes them continuous"
    )


def _warning_limits(settings: Mapping[str, TickerSettings]) -> dict[str, float]:
    return {name: entry.outlier_warning_std for name, entry in settings.items() if entry.check_outliers}


def _messages(
    settings: Mapping[str, TickerSettings], gaps: Mapping[str, int], outliers: Mapping[str, int]
) -> tuple[str | None, str | None]:
    """Return a warning and a failure; the failure is about tickers whose `on_failure` is `raise`."""
    strict = [name for name, entry in settings.items() if entry.on_failure == "raise"]
    others = [name for name in settings if name not in strict]
    return _describe(settings, gaps, outliers, others), _describe(settings, gaps, outliers, strict)


def _describe(
    settings: Mapping[str, TickerSettings], gaps: Mapping[str, int], outliers: Mapping[str, int], names: Iterable[str]
) -> str | None:
    found = []
    for name in names:
        entry = settings[name]
        word, limit = ("outlier", "") if entry.has_outlier_limit else ("jump", f" beyond {JUMP_STD:g} deviations")
        counts = ((gaps.get(name, 0), "gap", ""), (outliers.get(name, 0), word, limit))
        parts = [_plural(count, word) + limit for count, word, limit in counts if count]
        if parts:
            found.append(f"{name} has {' and '.join(parts)}")
    return f"beyond the limits of validation: {first_few(found)}; validate() lists them" if found else None


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _frame(table: pa.Table | None, tz: str) -> pd.DataFrame:
    import pandas as pd

    if table is None:
        return pd.DataFrame()
    frame: pd.DataFrame = table.to_pandas()
    for name in ("first_missing", "last_missing", "ts_event"):
        if name in frame:
            frame[name] = frame[name].dt.tz_convert(tz)
    return frame
