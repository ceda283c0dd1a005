"""Summarise the quality of a range, a row per ticker, compared with its peers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mtstore import sqlfiles

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from mtstore.query.request.request import AlignRequest

LEAST_PEERS = 2
"""A ticker is compared with its peers, the tickers of its calendar with bars, if there are at least this many."""

FAR_RATIO = 2.0
"""A ticker with this many times more, or fewer, bars than the median of its peers is far from them."""

FAR_DAYS = 5
"""A ticker whose first or last bar is this many days from the median of its peers is far from them."""

_DAY_SECONDS = 86_400.0
_ENDS = ("first_bar", "last_bar")


def quality_frame(connection: duckdb.DuckDBPyConnection, call: AlignRequest) -> pd.DataFrame:
    """Return one row per ticker of a request; see `MultiTickerDataLoader.quality`."""
    import pandas as pd

    parameters: dict[str, Any] = call.common_parameters()
    for name in ("session", "anchor", "adjust"):
        del parameters[name]
    if not call.interval.is_intraday:
        parameters["bar_interval"] = "1 minute"  # expected bars are counted within sessions
    table = connection.sql(sqlfiles.load("validation.quality_by_ticker"), params=parameters).to_arrow_table()
    rows = table.to_pylist()
    frame: pd.DataFrame = table.to_pandas().set_index("ticker")
    for name in (*_ENDS, "last_stored"):
        frame[name] = frame[name].dt.tz_convert(call.tz)
    frame["staleness"] = pd.Timestamp(datetime.now(UTC)) - frame.pop("last_stored")
    notes = [_note(row, rows, ZoneInfo(call.tz)) for row in rows]
    return frame.assign(
        peer_ratio=[_peer_ratio(row, rows) for row in rows],
        is_far_from_peers=[bool(note) for note in notes],
        peer_note=notes,
    )


def _peers(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    same = [other for other in rows if other["calendar"] == row["calendar"]]
    peers = [other for other in same if other is not row and other["present_bars"]]
    return peers if len(peers) >= LEAST_PEERS else []


def _peer_ratio(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> float:
    peers = _peers(row, rows)
    return float(row["present_bars"] / median(peer["present_bars"] for peer in peers)) if peers else float("nan")


def _note(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> str:
    """Describe why the ticker is far from its peers; empty if it is not."""
    notes = []
    ratio = _peer_ratio(row, rows)
    if ratio > FAR_RATIO or ratio < 1 / FAR_RATIO:
        notes.append(f"{ratio:.2g} times the bars of its peers")
    for end in _ENDS:
        known = [peer[end].timestamp() for peer in _peers(row, rows) if peer[end] is not None]
        if row[end] is None or not known:
            continue
        usual = median(known)
        if abs(row[end].timestamp() - usual) >= FAR_DAYS * _DAY_SECONDS:
            mine, theirs = row[end].astimezone(zone), datetime.fromtimestamp(usual, zone)
            notes.append(f"{end.replace('_', ' ')} on {mine:%Y-%m-%d}, its peers' on {theirs:%Y-%m-%d}")
    return "; ".join(notes)
