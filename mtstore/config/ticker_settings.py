"""The settings of one ticker after all layers of the configuration.

The last of these layers that states a setting wins:

1. the global sections: `alignment.timezone`, `alignment.resampling`, `validation.*`
2. `ticker_config.defaults`
3. `multi_ticker.tickers.X`
4. `ticker_config.overrides.X`

A null in a later layer resets a setting to the global section's value. `metadata` is merged by key.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from datetime import date
from typing import TYPE_CHECKING, Any

from mtstore.calendars import canonical_name

if TYPE_CHECKING:
    from mtstore.config.choices import OnFailure
    from mtstore.config.models import MultiTicker, TickerConfig


JUMP_STD = 8.0
"""Deviations beyond which a load warns of a return, where neither a threshold nor what follows is configured."""

OUTLIER_KEYS = frozenset(("outlier_std_threshold", "on_failure"))


@dataclass(frozen=True, slots=True)
class TickerSettings:
    """The settings of one ticker; None means that no layer states one.

    Attributes
    ----------
    universe_position
        Position in the configured universe, from 0; None outside of it.
    session_start, session_end
        `HH:MM[:SS]`, wall time in `timezone`; an end before the start is an overnight session.
    calendar
        The canonical name: `NYSE` becomes XNYS.
    bar_interval
        Interval of `get_ticker_data` (the key `resampling`).
    has_outlier_limit
        Whether a layer states `outlier_std_threshold` or `on_failure`.
    active_from, active_to
        The first and last session the ticker is shown for, both included.
    """

    ticker: str
    universe_position: int | None
    timezone: str
    bar_interval: str
    check_gaps: bool
    check_outliers: bool
    max_gap_minutes: float
    outlier_std_threshold: float
    on_failure: OnFailure
    has_outlier_limit: bool
    data_source: str | None = None
    priority: int | None = None
    weight: float | None = None
    calendar: str | None = None
    session_start: str | None = None
    session_end: str | None = None
    active_from: date | None = None
    active_to: date | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def outlier_warning_std(self) -> float:
        """Deviations beyond which an outlier is a problem of a load; the others are counted in its report."""
        return self.outlier_std_threshold if self.has_outlier_limit else max(self.outlier_std_threshold, JUMP_STD)

    def to_row(self) -> dict[str, Any]:
        """Return the columns of `core.ticker_settings` without `updated_at`; `metadata` is JSON text."""
        row = {one.name: getattr(self, one.name) for one in fields(self)}
        for key in ("check_gaps", "check_outliers", "on_failure", "has_outlier_limit"):
            del row[key]
        row["metadata"] = json.dumps(self.metadata, sort_keys=True) if self.metadata else None
        return row


def resolve_ticker(
    multi_ticker: MultiTicker, ticker_config: TickerConfig, calendars: Collection[str], ticker: str
) -> TickerSettings:
    """Return the settings of a ticker, configured or not."""
    universe = multi_ticker.tickers
    entries = (ticker_config.defaults, universe.get(ticker), ticker_config.overrides.get(ticker))
    stated: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for entry in filter(None, entries):
        stated |= {key: getattr(entry, key) for key in entry.model_fields_set - {"metadata"}}
        metadata.update(entry.metadata)
    stated = {key: value for key, value in stated.items() if value is not None}
    settings = {
        **multi_ticker.alignment.model_dump(include={"timezone", "resampling"}),
        **multi_ticker.validation.model_dump(exclude={"enabled"}),
        **stated,
    }
    settings["bar_interval"] = settings.pop("resampling")
    if "calendar" in settings:
        settings["calendar"] = canonical_name(settings["calendar"], calendars)
    position = list(universe).index(ticker) if ticker in universe else None
    settings["has_outlier_limit"] = bool(OUTLIER_KEYS & (stated.keys() | multi_ticker.validation.model_fields_set))
    return TickerSettings(ticker=ticker, universe_position=position, metadata=metadata, **settings)
