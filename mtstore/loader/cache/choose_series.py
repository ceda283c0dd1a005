"""Which series of a ticker is meant: its source, schema, calendar, and what its source's name is bound to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.arguments import nearest_word
from mtstore.bars import SourceBinding, step_us
from mtstore.calendars import infer_calendar
from mtstore.config.sources import NetworkSource, bound_dataset
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import InputError
from mtstore.loader.cache.freshness import Sessions
from mtstore.storage.commit import source_bindings
from mtstore.storage.layout import check_source_name

if TYPE_CHECKING:
    import duckdb

    from mtstore.config import Config

OWN = "own"


def check_series_words(source: str | None, schema: str | None) -> None:
    """Refuse what cannot name a source (or its vendor) or a schema; None is no question.

    Raises
    ------
    InputError
        Names the word and what is valid. UnsupportedSchemaError: a schema that is not bars.
    """
    if source is not None:
        check_source_name(source)
    if schema is not None:
        step_us(schema)


def known_series(connection: duckdb.DuckDBPyConnection, ticker: str) -> list[dict[str, Any]]:
    """The series that are stored of a ticker or were asked for, the finest first: source, schema, provider, day_tz."""
    return fetch_rows(connection, sqlfiles.load("cache.series"), {"ticker": ticker})


def choose_series(
    known: Sequence[Mapping[str, Any]], ticker: str, source: str | None, schema: str | None, configured: str | None
) -> Mapping[str, Any] | None:
    """The one series that is meant; None if there is none.

    Raises
    ------
    InputError
        Several sources could be meant.
    """
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
    """Under which name new bars go in: as said, as configured, the only one that is stored, or `own`."""
    if source is not None or configured is not None:
        return source or configured or OWN
    names = {one["source"] for one in known}
    return names.pop() if len(names) == 1 else OWN


def binding_of(connection: duckdb.DuckDBPyConnection, name: str, config: Config) -> SourceBinding:
    """What a source's name stands for: in the store, else in the configuration, else bars of one's own."""
    bound = source_bindings.bound(connection).get(name)
    if bound is not None:
        return SourceBinding(name, bound["provider"], bound["dataset"])
    source = config.sources.get(name)
    if source is not None:
        return SourceBinding(name, source.provider, bound_dataset(source))
    return SourceBinding(name, "polygon" if name == "polygon" else OWN)


def sessions_of(connection: duckdb.DuckDBPyConnection, ticker: str, binding: SourceBinding, config: Config) -> Sessions:
    """The sessions of a ticker's calendar: configured, else the store's, else inferred."""
    calendar = config.ticker(ticker).calendar
    if calendar is None:
        row = connection.execute(sqlfiles.load("cache.calendar"), {"ticker": ticker}).fetchone()
        calendar = row[0] if row else infer_calendar(ticker, binding.provider, binding.dataset)
    return Sessions.of(connection, calendar, config.custom_calendars())


def lag_us(name: str, config: Config) -> int:
    """How long after its close a bar of the source may still be unfinished."""
    source = config.sources.get(name)
    return int(source.publishing_lag_seconds * 1e6) if isinstance(source, NetworkSource) else 0


def whole_config(config: Any) -> Any:
    """A configuration from what may be only the inside of its section `cache`."""
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        return config
    from mtstore.config.models import Cache, MultiTicker
    from mtstore.config.models import Config as Whole

    # A key that is one of the cache's own, or nearest to one, is the section's; `enabled` alone is the loader's.
    own = Cache.model_fields.keys() - MultiTicker.model_fields.keys()
    others = (Whole.model_fields.keys() | MultiTicker.model_fields.keys()) - Cache.model_fields.keys()
    is_section = any(nearest_word(key, own | others) in own for key in config) and not others & config.keys()
    return {"cache": config} if is_section else config
