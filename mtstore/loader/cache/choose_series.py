"""Choose the series that a request of `CacheManager` means, and its source and calendar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.arguments import nearest_word
from mtstore.bars import SourceBinding, is_daily, step_us
from mtstore.config import models
from mtstore.config.sources import bound_dataset
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import InputError
from mtstore.infer_calendar import TickerCalendar, guess_calendar
from mtstore.loader.cache.freshness import Sessions
from mtstore.storage.commit import source_bindings
from mtstore.storage.layout import check_source_name

if TYPE_CHECKING:
    import duckdb

    from mtstore.bounds import Bounds
    from mtstore.config import Config
    from mtstore.ranges import TimeRange

CUSTOM = "own"
"""The name and the vendor of bars that no vendor sent."""


def check_series(source: str | None, schema: str | None) -> None:
    """Raise InputError for an invalid name of a source, UnsupportedSchemaError for an invalid schema."""
    if source is not None:
        check_source_name(source)
    if schema is not None:
        step_us(schema)


def known_series(connection: duckdb.DuckDBPyConnection, ticker: str) -> list[dict[str, Any]]:
    """Return a ticker's stored or requested series, the finest first: source, schema, provider, day_tz."""
    return fetch_rows(connection, sqlfiles.load("cache.series"), {"ticker": ticker})


def choose_series(
    known: Sequence[Mapping[str, Any]], ticker: str, source: str | None, schema: str | None, configured: str | None
) -> Mapping[str, Any] | None:
    """Return the finest series of a source; None if it has none; InputError if several sources match."""
    found = [one for one in known if schema is None or one["schema"] == schema]
    if source is not None:
        found = [one for one in found if source in {one["source"], one["provider"]}]
    elif configured is not None:
        found = [one for one in found if configured in {one["source"], one["provider"]}] or found
    names = sorted({one["source"] for one in found})
    if len(names) > 1:
        raise InputError(f"{ticker!r} is stored from several sources ({', '.join(names)}); name one with source")
    return found[0] if found else None


def source_name(known: Sequence[Mapping[str, Any]], source: str | None, configured: str | None) -> str:
    """Return the source of new bars: as given, as configured, the only stored one, or `own`."""
    names = {one["source"] for one in known}
    return source or configured or (names.pop() if len(names) == 1 else CUSTOM)


def binding_of(connection: duckdb.DuckDBPyConnection, name: str, config: Config) -> SourceBinding:
    """Return the vendor and dataset of a source: stored, else configured, else custom bars."""
    bound = source_bindings.bound(connection).get(name)
    if bound is not None:
        return SourceBinding(name, bound["provider"], bound["dataset"])
    source = config.sources.get(name)
    if source is not None:
        return SourceBinding(name, source.provider, bound_dataset(source))
    return SourceBinding(name, "polygon" if name == "polygon" else CUSTOM)


def range_of(
    connection: duckdb.DuckDBPyConnection, ticker: str, series: Mapping[str, Any], bounds: Bounds, config: Config
) -> tuple[Sessions, TimeRange]:
    """Return the ticker's sessions (its calendar is configured, stored, or inferred), and the range as instants."""
    calendar = ticker_calendar(connection, config, ticker, binding_of(connection, series["source"], config)).name
    sessions = Sessions.of(connection, calendar, config.custom_calendars())
    daily = is_daily(series["schema"])
    tz = series["day_tz"] if daily and series["day_tz"] else config.multi_ticker.alignment.timezone
    return sessions, sessions.range_of(bounds, tz, is_daily=daily)


def ticker_calendar(
    connection: duckdb.DuckDBPyConnection, config: Config, ticker: str, binding: SourceBinding
) -> TickerCalendar:
    """Return a ticker's calendar: configured, stored, or guessed."""
    entry = config.ticker(ticker)
    has_own_hours = entry.session_start is not None or entry.session_end is not None
    if entry.calendar is not None:
        return TickerCalendar(entry.calendar, is_guessed=False, has_own_hours=has_own_hours)
    row = connection.execute(sqlfiles.load("cache.calendar"), {"ticker": ticker}).fetchone()
    if row is None:
        return guess_calendar(ticker, binding.provider, binding.dataset)._replace(has_own_hours=has_own_hours)
    name, is_guessed, is_windowed = row
    return TickerCalendar(name, is_guessed, has_own_hours or is_windowed)


def whole_config(config: Any) -> Any:
    """Return a configuration; a mapping with the keys of its section `cache` is put into one."""
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        return config
    # A misspelt key counts as the nearest valid one. `enabled` alone is that of `multi_ticker`.
    cache, multi = models.Cache.model_fields.keys(), models.MultiTicker.model_fields.keys()
    cache_keys, others = cache - multi, (models.Config.model_fields.keys() | multi) - cache
    is_section = any(nearest_word(key, cache_keys | others) in cache_keys for key in config)
    return {"cache": config} if is_section and not others & config.keys() else config
