"""Open a store as a configuration describes it: as it is, or through an overlay where they differ."""

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
def configured_view(store: Repository, config: Config) -> Iterator[StoreFacts]:
    """Yield a connection whose macros use the configuration's tickers, calendars, sessions and sources."""
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

    overlay = ConfigOverlay(rows, config.default_settings(), config.custom_calendars())
    with overlay_config(store, overlay) as connection:
        yield read_store_facts(connection)


def _with_stored_range(row: Mapping[str, Any], stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a ticker's settings, with the stored active range where the configuration has none."""
    is_configured = row["active_from"] is not None or row["active_to"] is not None
    return dict(row) if is_configured or stored is None else {**row, **{name: stored[name] for name in _ACTIVE}}


def _agrees(row: Mapping[str, Any], stored: Mapping[str, Any] | None) -> bool:
    """Whether the store's macros read a ticker as the configuration describes it."""
    if stored is None or row["calendar"] not in {None, stored["calendar"]}:
        return False
    # Without a start and an end, a session has no window, and its time zone does not count.
    windows = [
        tuple(side[name] for name in _WINDOW) if side["session_start"] or side["session_end"] else ()
        for side in (row, stored)
    ]
    if windows[0] != windows[1] or any(row[name] != stored[name] for name in _ACTIVE):
        return False
    names: Sequence[str] = stored["source_names"]
    if row["data_source"] is None:
        return stored["data_source"] is None or stored["source_count"] <= 1
    return row["data_source"] == stored["data_source"] or (stored["source_count"] == 1 and row["data_source"] in names)
