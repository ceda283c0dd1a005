"""Checks that need more than one value: sources, calendars, session windows, date ranges.

They read the tree as written and skip what the models reject anyway, so that one error lists all problems.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from pydantic import ValidationError

from mtstore.arguments import did_you_mean
from mtstore.calendars import calendar_names, canonical_name
from mtstore.config.calendar_entry import CalendarEntry
from mtstore.config.fields import KEYS_ARE_TEXT, is_null
from mtstore.config.yaml_reader import Path
from mtstore.errors import InputError

Finding: TypeAlias = tuple[Path, str]

_DEFAULTS: Final[Path] = ("ticker_config", "defaults")
_TICKERS: Final[Path] = ("multi_ticker", "tickers")
_OVERRIDES: Final[Path] = ("ticker_config", "overrides")


def check_layers(tree: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield path and sentence of each contradiction."""
    yield from _listed_tickers(tree)
    yield from _custom_calendars(tree)
    own = _mapping_at(tree, ("calendars",))
    sources = _mapping_at(tree, ("sources",))
    layers = {path: entry for path, entry in _entries(tree) if isinstance(entry, Mapping)}
    for path, entry in layers.items():
        yield from _data_source(path, entry, sources)
        yield from _calendar(path, entry, own)
    for path, merged, origin in _merged(layers):
        yield from _session_window(path, merged, origin)
        yield from _active_range(path, merged, origin)


def _entries(tree: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    yield _DEFAULTS, _mapping_at(tree, _DEFAULTS)
    for section in (_TICKERS, _OVERRIDES):
        for ticker, entry in _mapping_at(tree, section).items():
            yield (*section, str(ticker)), entry


def _merged(layers: Mapping[Path, Mapping[str, Any]]) -> Iterator[tuple[Path, dict[str, Any], dict[str, Path]]]:
    """Yield the defaults, then each ticker's settings over them: place to report, settings, and their origins."""
    defaults = layers.get(_DEFAULTS, {})
    default_origins = dict.fromkeys(defaults, _DEFAULTS)
    yield _DEFAULTS, dict(defaults), dict.fromkeys(defaults, _DEFAULTS)
    tickers = dict.fromkeys(path[-1] for path in layers if path != _DEFAULTS)
    for ticker in tickers:
        merged, origin, where = dict(defaults), dict(default_origins), _DEFAULTS
        for section in (_TICKERS, _OVERRIDES):
            path = (*section, ticker)
            entry = layers.get(path, {})
            merged.update(entry)
            origin.update(dict.fromkeys(entry, path))
            where = path if entry else where
        if where != _DEFAULTS:
            yield where, merged, origin


def _data_source(path: Path, entry: Mapping[str, Any], sources: Mapping[str, Any]) -> Iterator[Finding]:
    source = entry.get("data_source")
    if sources and isinstance(source, str) and not is_null(source) and source not in sources:
        hint = did_you_mean(source, sources)
        valid = ", ".join(sources)
        yield (
            (*path, "data_source"),
            f"{str(source)!r} is not a source{hint} (under 'sources': {valid}; for files: {{provider: files}})",
        )


def _calendar(path: Path, entry: Mapping[str, Any], own: Mapping[str, Any], key: str = "calendar") -> Iterator[Finding]:
    calendar = entry.get(key)
    if isinstance(calendar, str) and not is_null(calendar):
        try:
            canonical_name(str(calendar), own)
        except InputError as error:
            yield (*path, key), str(error)


def _custom_calendars(tree: Mapping[str, Any]) -> Iterator[Finding]:
    own = _mapping_at(tree, ("calendars",))
    taken = calendar_names() if own else ()
    for name, entry in own.items():
        if name in taken:
            yield ("calendars", str(name)), f"{str(name)!r} is an exchange's calendar; give yours another name"
        try:
            calendar = CalendarEntry.model_validate(entry)
        except ValidationError:  # reported with the other errors of the models
            continue
        yield from _calendar(("calendars", str(name)), {"based_on": calendar.based_on}, {}, "based_on")
        for key, problem in calendar.contradictions():
            yield ("calendars", str(name), key), problem


def _session_window(path: Path, merged: Mapping[str, Any], origin: Mapping[str, Path]) -> Iterator[Finding]:
    start, end = (merged.get(key) for key in ("session_start", "session_end"))
    # Reported once, at the layer that completes the pair.
    if path in (origin.get("session_start"), origin.get("session_end")) and _is_same_time(start, end):
        yield (*path, "session_end"), f"{str(end)!r} equals session_start; a session must not be empty"


def _is_same_time(start: Any, end: Any) -> bool:
    if not isinstance(start, str) or not isinstance(end, str) or ":" not in start:
        return False
    one, two = (":".join(part.zfill(2) for part in text.split(":")).removesuffix(":00") for text in (start, end))
    return one == two or start == end


def _active_range(path: Path, merged: Mapping[str, Any], origin: Mapping[str, Path]) -> Iterator[Finding]:
    first, last = (merged.get(key) for key in ("active_from", "active_to"))
    if path not in (origin.get("active_from"), origin.get("active_to")) or is_null(first) or is_null(last):
        return
    if str(first) > str(last):
        yield (*path, "active_to"), f"{str(last)!r} is before active_from, {str(first)!r}"


def _listed_tickers(tree: Mapping[str, Any]) -> Iterator[Finding]:
    section = tree.get("multi_ticker")
    listed = section.get("tickers") if isinstance(section, Mapping) else None
    if not isinstance(listed, list):
        return
    for at, name in enumerate(listed):
        if not isinstance(name, str):
            yield (*_TICKERS, at), f"{name!r} is not text; {KEYS_ARE_TEXT}"
        elif name in listed[:at]:
            yield (*_TICKERS, at), f"{str(name)!r} is listed twice"


def _mapping_at(tree: Any, path: Path) -> Mapping[str, Any]:
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    if path == _TICKERS and isinstance(tree, list):
        return {name: {} for name in tree if isinstance(name, str)}
    return tree if isinstance(tree, Mapping) else {}
