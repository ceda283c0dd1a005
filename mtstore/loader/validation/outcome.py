"""Validation of a load: what follows from gaps, outliers and splits, as the configuration's `validation` wants it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mtstore.loader.validation.checks import counts_by_ticker, find_problems, labels_by_ticker, splits_between
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
    """A load has gaps or outliers beyond its configured limits, or crosses a split unadjusted."""


@dataclass(frozen=True, slots=True)
class Validation:
    """The answer of `MultiTickerDataLoader.validate`.

    Attributes
    ----------
    gaps
        One row per run of missing bars longer than the ticker's limit; instants in the load's zone.
    outliers
        One row per bar whose return lies beyond the ticker's threshold, against all returns of the range.
    splits
        Known splits in the range.
    """

    gaps: pd.DataFrame
    outliers: pd.DataFrame
    splits: pd.DataFrame

    def __str__(self) -> str:
        counts = [(len(self.gaps), "gap"), (len(self.outliers), "outlier"), (len(self.splits), "split")]
        return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts)

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
        Sentences; None where there is nothing to say.
    blanks
        Buckets that count as missing: outliers of tickers whose `on_failure` is `drop`.
    flags
        By ticker whose `on_failure` is `flag`: the labels of its outliers.
    gap_counts, outlier_counts
        By ticker that was looked at.
    """

    warning: str | None = None
    failure: str | None = None
    blanks: MaskedBars | None = None
    flags: Mapping[str, np.ndarray] = field(default_factory=dict)
    gap_counts: Mapping[str, int] = field(default_factory=dict)
    outlier_counts: Mapping[str, int] = field(default_factory=dict)


def validate(facts: StoreFacts, call: AlignRequest, settings: Mapping[str, TickerSettings]) -> Validation:
    """All that is wrong with a call's range."""
    import pandas as pd

    found = find_problems(facts.connection, call, settings)
    splits = splits_between(facts, call, settings)
    columns = ["ticker", "execution_date", "split_from", "split_to"]
    return Validation(
        _frame(found.gaps, call.tz), _frame(found.outliers, call.tz), pd.DataFrame(splits, columns=columns)
    )


def evaluate(facts: StoreFacts, call: AlignRequest, settings: Mapping[str, TickerSettings]) -> ValidationOutcome:
    """Look for gaps and outliers in a load's range, and say what follows."""
    doing = _doing(settings)
    trailing = [*doing["flag"], *doing["drop"]]
    found = find_problems(facts.connection, call, settings, trailing=trailing)
    checked = [name for name in settings if settings[name].check_outliers]
    outcome = _outcome(
        settings,
        counts_by_ticker(found.gaps, [name for name in settings if settings[name].check_gaps]),
        counts_by_ticker(found.outliers, [name for name in checked if name not in trailing]),
    )
    labels = labels_by_ticker(found.trailing_outliers)
    dropped = {name: labels[name] for name in doing["drop"] if name in labels}
    return replace(
        outcome,
        blanks=MaskedBars(dropped) if dropped else None,
        flags={name: labels.get(name, _no_labels()) for name in doing["flag"]},
        outlier_counts={
            **outcome.outlier_counts,
            **counts_by_ticker(found.trailing_outliers, [name for name in checked if name in trailing]),
        },
    )


def inline_checks_for(
    facts: StoreFacts, call: AlignRequest, settings: Mapping[str, TickerSettings]
) -> InlineChecks | None:
    """What counts gaps and outliers while the load is made; None where they have to be looked for beforehand."""
    doing = _doing(settings)
    if doing["flag"] or doing["drop"]:
        return None
    chosen = plan_fast_path(facts, call)
    if chosen is None or not supports_inline_checks(chosen, call):
        return None
    if not call.interval.is_intraday and not _has_outliers_own_prices(facts, call, settings):
        return None
    return InlineChecks(
        chosen.buckets,
        {name: entry.max_gap_minutes for name, entry in settings.items() if entry.check_gaps},
        {name: entry.outlier_std_threshold for name, entry in settings.items() if entry.check_outliers},
    )


def _has_outliers_own_prices(facts: StoreFacts, call: AlignRequest, settings: Mapping[str, TickerSettings]) -> bool:
    """Whether a call's returns from day to day are those of split-adjusted prices, in which outliers are looked for."""
    return call.adjust == "splits" or (call.adjust == "none" and not splits_between(facts, call, settings))


def evaluate_counts(watch: TickerObserver, settings: Mapping[str, TickerSettings]) -> ValidationOutcome:
    """What follows from what was counted."""
    return _outcome(settings, watch.gap_counts, watch.outlier_counts)


def splits_warning(facts: StoreFacts, call: AlignRequest, tickers: Iterable[str], most: int = 5) -> str | None:
    """A sentence about the splits that a load's range crosses unadjusted; None if there are none."""
    splits = splits_between(facts, call, tickers) if call.adjust == "none" else ()
    if not splits:
        return None
    listed = [f"{ticker} {to:g} for {before:g} on {day}" for ticker, day, before, to in splits]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return (
        f"the range crosses splits ({', '.join(listed[:most])}{more}) and alignment.adjust is 'none': "
        "prices jump there; adjust: splits makes them continuous"
    )


def _doing(settings: Mapping[str, TickerSettings]) -> dict[str, list[str]]:
    """The tickers by what is done about them."""
    doing: dict[str, list[str]] = {word: [] for word in ("warn", "raise", "flag", "drop")}
    for name, entry in settings.items():
        doing[entry.on_failure].append(name)
    return doing


def _outcome(
    settings: Mapping[str, TickerSettings], gaps: Mapping[str, int], outliers: Mapping[str, int]
) -> ValidationOutcome:
    must_hold = [name for name, entry in settings.items() if entry.on_failure == "raise"]
    return ValidationOutcome(
        _spell(gaps, outliers, [name for name in settings if name not in must_hold]),
        _spell(gaps, outliers, must_hold),
        gap_counts=gaps,
        outlier_counts=outliers,
    )


def _frame(table: pa.Table | None, tz: str) -> pd.DataFrame:
    import pandas as pd

    if table is None:
        return pd.DataFrame()
    frame: pd.DataFrame = table.to_pandas()
    for name in ("first_missing", "last_missing", "ts_event"):
        if name in frame:
            frame[name] = frame[name].dt.tz_convert(tz)
    return frame


def _no_labels() -> np.ndarray:
    import numpy as np

    return np.zeros(0, dtype=np.int64)


def _spell(gaps: Mapping[str, int], outliers: Mapping[str, int], names: Iterable[str], most: int = 5) -> str | None:
    told = []
    for name in names:
        counts = (("gap", gaps.get(name, 0)), ("outlier", outliers.get(name, 0)))
        parts = [f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts if count]
        if parts:
            told.append(f"{name} has {' and '.join(parts)}")
    if not told:
        return None
    more = f" and {len(told) - most} more tickers" if len(told) > most else ""
    return f"beyond the limits of validation: {', '.join(told[:most])}{more}; validate() lists them"
