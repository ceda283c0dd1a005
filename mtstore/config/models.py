"""The configuration as models: every section, key, default and the check of each single value.

`cross_checks` holds the checks that need more than one value, `ticker_settings` the settings of one ticker.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from mtstore.config.calendar_entry import CalendarEntry
from mtstore.config.choices import (
    Adjust,
    Anchor,
    Evict,
    FillPrices,
    FillVolume,
    Label,
    Method,
    OnError,
    OnFailure,
    OnMissing,
    Partial,
    Session,
    SkipColumns,
)
from mtstore.config.fields import (
    Clock,
    Day,
    Duration,
    Interval,
    JsonObject,
    MemoryLimit,
    PlacePath,
    Section,
    SourceName,
    TickerName,
    Zone,
)
from mtstore.config.sources import Source
from mtstore.config.ticker_settings import TickerSettings, resolve_ticker
from mtstore.custom_calendars import OwnCalendar

_NullWord = BeforeValidator(lambda value: "null" if value is None else value)


class TickerEntry(Section):
    """Settings of one ticker; the same keys in all three places."""

    data_source: SourceName | None = Field(default=None, description="The source to read and fetch from.")
    timezone: Zone | None = Field(default=None, description="Zone of session_start and session_end.")
    session_start: Clock | None = Field(default=None, description="Narrows or replaces the calendar's open.")
    session_end: Clock | None = Field(
        default=None,
        description="Narrows or replaces the calendar's close; before session_start: overnight.",
    )
    resampling: Interval | None = Field(default=None, description="The interval of get_ticker_data.")
    calendar: str | None = Field(
        default=None, description="XNYS, CMES, 24/7, … or one under calendars.", examples=["XNYS"]
    )
    priority: int | None = Field(default=None, ge=1, description="1 is fetched first.")
    weight: float | None = Field(
        default=None, description="Available as loader.weights and in the view tickers; never normalised."
    )
    active_from: Day | None = Field(default=None, description="First session the ticker is shown for.")
    active_to: Day | None = Field(default=None, description="Last session the ticker is shown for.")
    check_gaps: bool | None = Field(default=None, description="Overrides validation.check_gaps.")
    check_outliers: bool | None = Field(default=None, description="Overrides validation.check_outliers.")
    max_gap_minutes: float | None = Field(default=None, gt=0, description="Overrides validation.max_gap_minutes.")
    outlier_std_threshold: float | None = Field(
        default=None, gt=0, description="Overrides validation.outlier_std_threshold."
    )
    on_failure: OnFailure | None = Field(default=None, description="Overrides validation.on_failure.")
    metadata: JsonObject = Field(default_factory=dict, description="Anything: sector, market_cap, …")


class Alignment(Section):
    """How the tickers of a load are aligned."""

    method: Method = Field(
        default="outer_join", description="The union of all buckets, their intersection, or filled forward."
    )
    timezone: Zone = Field(default="America/New_York", description="Zone of the result's index and of naive bounds.")
    resampling: Interval = Field(default="1min", description="The interval of load_data.")
    label: Label = Field(default="left", description="The edge that names a bar.")
    session: Session = Field(default="regular", description="The regular session only, or pre- and post-market too.")
    anchor: Anchor = Field(
        default="session", description="Where buckets start: session open, local midnight, UTC epoch."
    )
    adjust: Adjust = Field(default="none", description="Prices as traded, adjusted for splits, or for dividends too.")
    partial: Partial = Field(
        default="drop", description="Buckets that reach beyond the range: left out, or cut to the range's own bars."
    )
    fill_value: float | None = Field(default=None, description="Value of missing cells; null leaves them missing.")
    fill_volume: Annotated[FillVolume, _NullWord] = Field(default="zero", description="Volume of bars filled forward.")
    fill_prices: FillPrices = Field(
        default="own", description="Each price column's own last value, or the last close in all of them."
    )
    max_age: Duration | None = Field(
        default=None, description="Oldest value that is filled forward; null for no limit."
    )
    lookback: Duration | None = Field(
        default=None, description="How far before the start forward fill looks for a first value."
    )
    across_sessions: bool = Field(
        default=True, description="Whether values are filled forward from one session to the next."
    )


class Cache(Section):
    """What is cached, and for how long."""

    enabled: bool = Field(default=True, description="false: fetched bars go into a store that ends with the loader.")
    cache_dir: PlacePath = Field(default="./cache", description="The store, where multi_ticker.store names none.")
    max_size_gb: float = Field(default=10.0, gt=0, description="Size limit of what evict may remove.")
    ttl_days: float | None = Field(
        default=7.0, ge=0, description="Days for which a response is fresh. 0: always stale; null: never stale."
    )
    settle_days: float | None = Field(
        default=3.0, ge=0, description="A range fetched this many days after its end never expires; null: off."
    )
    compression: bool = Field(
        default=True,
        description="Write fetched bars as zstd; both kinds are read, and compact writes zstd.",
    )
    serve_stale: bool = Field(default=True, description="Serve stale data with a warning while the vendor is down.")
    derived: bool = Field(default=True, description="Cache large results of loads, and rollups.")
    evict: Evict = Field(
        default="derived", description="What is removed to stay below max_size_gb: cached results, or fetched bars too."
    )


class Validation(Section):
    """Checks of each load."""

    enabled: bool = Field(default=True, description="Whether loads are checked at all.")
    check_gaps: bool = Field(default=True, description="Look for runs of missing bars.")
    check_outliers: bool = Field(default=True, description="Look for returns beyond outlier_std_threshold.")
    max_gap_minutes: float = Field(default=5.0, gt=0, description="Longest run of missing minutes that is accepted.")
    outlier_std_threshold: float = Field(
        default=3.0,
        gt=0,
        description="Largest return that is accepted, in standard deviations. "
        "A load warns of larger ones if this or on_failure is configured, else of those beyond 8.",
    )
    on_failure: OnFailure = Field(
        default="warn",
        description="drop makes outliers missing, flag adds columns; both judge a bar by the 100 returns before it.",
    )


class MultiTicker(Section):
    """The universe, and how it is loaded."""

    enabled: bool = Field(default=True, description="false: load_data returns the first ticker alone.")
    store: PlacePath | None = Field(
        default=None, description="Path of the store, ${NAME} for variables; else cache.cache_dir."
    )
    tickers: dict[TickerName, TickerEntry] = Field(default_factory=dict, description="The universe, in column order.")
    alignment: Alignment = Field(default=Alignment(), description="How the tickers are aligned.")
    cache: Cache = Field(default=Cache(), description="What is cached, and for how long.")
    validation: Validation = Field(default=Validation(), description="Checks of each load.")
    on_error: OnError = Field(
        default="skip", description="A ticker that cannot be fetched: the others load, or the load ends."
    )
    on_missing: OnMissing = Field(
        default="raise", description="A range that the store does not cover: an error, or a warning."
    )
    skip_columns: SkipColumns = Field(
        default="nan", description="Columns of a skipped ticker: all missing, or left out."
    )
    memory_limit: MemoryLimit = Field(
        default="80%", description="Most memory a load may take: a size, or a share of the free memory."
    )

    @model_validator(mode="before")
    @classmethod
    def _read_ticker_list(cls, value: Any) -> Any:
        """Read `tickers: [AAPL, MSFT]` as a mapping without settings."""
        if not isinstance(value, dict) or not isinstance(value.get("tickers"), list):
            return value
        listed = value["tickers"]
        return {**value, "tickers": {str(name): {} for name in listed if isinstance(name, str)}}


class TickerConfig(Section):
    """Settings of all tickers, and of single ones."""

    defaults: TickerEntry = Field(default=TickerEntry(), description="Settings of every ticker.")
    overrides: dict[TickerName, TickerEntry] = Field(
        default_factory=dict, description="Settings of single tickers, in the universe or not."
    )


class Config(Section):
    """The whole configuration, checked and immutable; `mtstore.config.load_config` returns one.

    Vendor keys are names of environment variables, never the keys.
    """

    multi_ticker: MultiTicker = MultiTicker()
    ticker_config: TickerConfig = TickerConfig()
    sources: dict[SourceName, Source] = Field(default_factory=dict, description="Vendors, by the name of the source.")
    calendars: dict[str, CalendarEntry] = Field(default_factory=dict, description="Custom calendars, by name.")

    @property
    def store_path(self) -> Path:
        """`multi_ticker.store`, else `multi_ticker.cache.cache_dir`; relative to the working directory."""
        return Path(self.multi_ticker.store or self.multi_ticker.cache.cache_dir).expanduser()

    @property
    def universe(self) -> tuple[str, ...]:
        """The configured tickers, in written order."""
        return tuple(self.multi_ticker.tickers)

    def ticker(self, ticker: str) -> TickerSettings:
        """Return the settings of one ticker, configured or not, after all layers."""
        return self.all_tickers.get(ticker) or self._resolve(ticker)

    @cached_property
    def all_tickers(self) -> Mapping[str, TickerSettings]:
        """The settings of the universe's tickers, then of those that only `overrides` names."""
        others = [name for name in self.ticker_config.overrides if name not in self.multi_ticker.tickers]
        return {name: self._resolve(name) for name in (*self.universe, *others)}

    def _resolve(self, ticker: str) -> TickerSettings:
        return resolve_ticker(self.multi_ticker, self.ticker_config, self.calendars, ticker)

    def fetch_order(self) -> tuple[str, ...]:
        """Return the universe by priority: 1 first, none last, ties in written order."""
        settings = [self.ticker(name) for name in self.universe]
        return tuple(entry.ticker for entry in sorted(settings, key=lambda entry: entry.priority or sys.maxsize))

    def default_settings(self) -> dict[str, Any]:
        """Return the defaults that `mtstore config apply` publishes: `alignment.*` and `validation.*`, as JSON."""
        sections = {"alignment": self.multi_ticker.alignment, "validation": self.multi_ticker.validation}
        return {
            f"{name}.{key}": value
            for name, section in sections.items()
            for key, value in section.model_dump(mode="json").items()
        }

    def custom_calendars(self) -> dict[str, OwnCalendar]:
        """Return the calendars under `calendars`, by name."""
        return {name: entry.to_calendar(name) for name, entry in self.calendars.items()}

    def used_calendars(self) -> tuple[str, ...]:
        """Return the calendars of tickers, and those under `calendars`."""
        of_tickers = (entry.calendar for entry in self.all_tickers.values() if entry.calendar is not None)
        return tuple(dict.fromkeys((*of_tickers, *self.calendars)))

    def warnings(self) -> tuple[str, ...]:
        """Return warnings about settings that are allowed but most likely unintended."""
        weights = [entry.weight for entry in map(self.ticker, self.universe) if entry.weight is not None]
        total = math.fsum(weights)
        if weights and abs(total - 1.0) > 1e-6:
            return (f"the weights of {len(weights)} tickers sum to {total:g}, not 1; they are used as they are",)
        return ()
