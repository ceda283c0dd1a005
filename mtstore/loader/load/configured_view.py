"""How a loader sees its store: as it is, where that agrees with the configuration, else through a scope of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mtstore.query.snapshot.store_facts import StoreFacts, read_store_facts

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.storage.repository import Repository

_ACTIVE = ("active_from", "active_to")
_WINDOW = ("session_start", "session_end", "timezone")


@contextmanager
def sight(store: Repository, config: Config) -> Iterator[StoreFacts]:
    """Open a connection whose macros know the configuration's tickers, calendars, sessions and sources."""
    rows = [settings.to_row() for settings in config.all_tickers.values()]
    with store.connection() as connection:
        facts = read_store_facts(connection)
        tickers = {"tickers": [row["ticker"] for row in rows]}
        found = facts.rows("overlay.ticker_facts", tickers)
        stored = {row["ticker"]: row for row in found}
        rows = [_with_stored_range(row, stored.get(row["ticker"])) for row in rows]
        if all(_agrees(row, stored.get(row["ticker"])) for row in rows):
            yield facts
            return
    from mtstore.query.overlay.config_overlay import ConfigOverlay, overlay_config

    view = ConfigOverlay(rows, config.default_settings(), config.custom_calendars())
    with overlay_config(store, view) as connection:
        yield read_store_facts(connection)


def _with_stored_range(row: Mapping[str, Any], known: Mapping[str, Any] | None) -> dict[str, Any]:
    """A ticker's settings, with the active range that the store knows where the configuration says nothing of it."""
    is_said = known is None or row["active_from"] is not None or row["active_to"] is not None
    return dict(row) if is_said or known is None else {**row, **{name: known[name] for name in _ACTIVE}}


def _agrees(row: Mapping[str, Any], known: Mapping[str, Any] | None) -> bool:
    """Whether the store answers for a ticker as the configuration wants it."""
    if known is None:
        return False
    if row["calendar"] not in {None, known["calendar"]}:
        return False
    windows = [
        tuple(side[name] for name in _WINDOW) if side["session_start"] or side["session_end"] else ()
        for side in (row, known)
    ]
    if windows[0] != windows[1]:
        return False
    if any(row[name] != known[name] for name in _ACTIVE):
        return False
    names: Sequence[str] = known["source_names"]
    if row["data_source"] is None:
        return known["data_source"] is None or known["source_count"] <= 1
    return row["data_source"] == known["data_source"] or (known["source_count"] == 1 and row["data_source"] in names)
