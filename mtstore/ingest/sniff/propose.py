"""Propose the mapping of files of one layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mtstore.bars import is_daily, step_us
from mtstore.ingest.sniff.dialect import read_dialect
from mtstore.ingest.sniff.draft import Draft
from mtstore.ingest.sniff.guess_columns import guess_columns
from mtstore.ingest.sniff.guess_ticker import guess_ticker
from mtstore.ingest.sniff.guess_times import TimeGuess, decide_order
from mtstore.ingest.sniff.guess_width import guess_width
from mtstore.ingest.sniff.guess_zone import ZoneGuess, guess_zone, zone_of_ticker
from mtstore.ingest.sniff.layouts import FileGroup
from mtstore.ingest.sniff.recognise import recognise
from mtstore.ingest.sniff.text_head import Rows, iter_cells, read_head, read_parquet_head, read_times
from mtstore.ranges import US_PER_DAY
from mtstore.sources.custom.load_presets import load_preset

_MOST_ROWS: Final = 2_000_000
_MOST_FILES: Final = 20
_DAY_ZONES: Final = ("UTC", "America/New_York", "Europe/London", "Europe/Berlin", "Asia/Tokyo")


def propose(group: FileGroup, given: Mapping[str, str]) -> Draft:
    """Propose a mapping of files that have one layout.

    Parameters
    ----------
    group
        The first file is read whole; others decide what it leaves open.
    given
        Keys that the caller knows (schema, ticker, tz).

    Raises
    ------
    BrokenFileError
        The first file is not a table of bars.
    """
    path = group.files[0]
    draft = Draft()
    known = None
    if group.format == "csv":
        head = read_head(path)
        known = recognise(path, head.lines)
        if known is not None and known[2]:
            _take_preset(group, known[0], known[1].mapping, draft, given)
            return draft
        sample = read_dialect(path, head, draft)
    else:
        sample = read_parquet_head(path)
    usual: Mapping[str, Any] = {} if known is None else known[1].mapping
    guess, values, places = guess_columns(path, sample, draft)
    if guess.other is not None:
        guess = _decided(group.files, guess, values, places, draft)
    _set_times(guess, draft, usual.get("time_format"), known and known[0])
    named_schema = None
    if "ticker" in given:
        draft.set("ticker", given["ticker"], "as given")
    elif "ticker" not in draft.tree["columns"]:
        named_schema = guess_ticker(group.files, draft)
    if "volume" not in draft.tree["columns"]:
        draft.set("volume", "none", "no column has it")
    tree = draft.assumed(schema="ohlcv-1s", tz="UTC", stamp=None)
    tree["columns"] = {ours: one for ours, one in tree["columns"].items() if ours != "width"}
    rows = read_times(path, tree, group.format, guess.kind)
    _set_schema(rows, draft, given, named_schema, usual.get("schema"))
    schema = str(draft.assumed().get("schema") or named_schema or guess_width(rows).schema or "ohlcv-1m")
    _set_zone(rows, draft, given, schema, usual.get("tz"))
    if known is not None and _agrees(draft, usual):
        draft.preset = known[0]
    return draft


def _agrees(draft: Draft, usual: Mapping[str, Any]) -> bool:
    """Return whether a vendor's mapping places the rows at the same times."""
    return all(
        draft.tree.get(key, usual.get(key, by_default)) == usual.get(key, by_default)
        for key, by_default in (("tz", "UTC"), ("stamp", "open"))
    )


def _decided(
    files: Sequence[Path], guess: TimeGuess, values: list[str], places: tuple[int, ...], draft: Draft
) -> TimeGuess:
    """Ask all rows of the file, then other files, which order of day and month is right."""
    found = decide_order(guess, values)
    seen: list[str] = []
    for path in files[:_MOST_FILES]:
        if found.other is None:
            break
        seen += {" ".join(cells) for cells in iter_cells(path, draft.tree, places, _MOST_ROWS)}
        found = decide_order(guess, [one for one in seen if one[:1].isdigit()])
    return found


def _set_times(guess: TimeGuess, draft: Draft, usual: Any, vendor: str | None) -> None:
    if guess.unit is not None:
        draft.set("time_unit", guess.unit, guess.note)
    elif guess.format is not None and guess.other is None:
        draft.set("time_format", guess.format, guess.note)
    elif guess.format is not None:
        note = f"{guess.note} fits both {guess.format} and {guess.other}"
        if guess.format in ([usual] if isinstance(usual, str) else usual or []):
            draft.set("time_format", guess.format, note, doubt=f"exports of {vendor} have the month first")
        else:
            draft.choose("time_format", [guess.format, guess.other], f"{note}: write one of them")


def _set_schema(rows: Rows, draft: Draft, given: Mapping[str, str], named: str | None, usual: str | None) -> None:
    """Set the width from the times of rows; `usual` is that of a vendor's exports, for few rows."""
    found = guess_width(rows, named)
    if "schema" in given:
        draft.set("schema", given["schema"], "as given")
    elif _has_width(draft):
        if named is not None and found.schema is not None and found.schema != named and found.is_sure:
            draft.doubts.append(f"schema: the name says {named}, but {found.note}")
    elif usual is not None and not found.is_sure:
        draft.set("schema", usual, "as such exports of vendors have it", doubt=found.note)
    elif found.schema is None:
        draft.choose("schema", found.likely, found.note)
    else:
        draft.set("schema", found.schema, found.note, doubt=None if found.is_sure else "few rows show it")


def _set_zone(rows: Rows, draft: Draft, given: Mapping[str, str], schema: str, usual: str | None) -> None:
    """Set `tz` and `stamp` from the times of rows; `usual` is the zone of a vendor's exports."""
    is_intraday = rows.kind == "naive" and not is_daily(schema)
    if "tz" in given:
        draft.set("tz", given["tz"], "as given")
    elif is_daily(schema):
        _set_day_zone(rows, draft)
    elif is_intraday and len(rows.wall_us) and "tz" not in draft.tree["columns"]:
        _set_session_zone(guess_zone(rows, step_us(schema)), draft, usual)
    if is_intraday and "stamp" not in draft.tree:
        draft.set("stamp", "open", "times are a bar's open", doubt="sessions do not show it; `close` is possible")


def _has_width(draft: Draft) -> bool:
    return "width" in draft.tree["columns"] or "(?P<width>" in str(draft.tree.get("ticker_from"))


def _set_session_zone(guess: ZoneGuess, draft: Draft, usual: str | None) -> None:
    if guess.zone is None:
        likely = dict.fromkeys([*([usual] if usual else []), *guess.likely])
        draft.choose("tz", tuple(likely), f"{guess.note}: write the zone of these times")
    else:
        draft.set("tz", guess.zone, guess.note, doubt=guess.doubt)
    if guess.stamp is not None and "stamp" not in draft.tree:
        edge = "the open of the session" if guess.stamp == "open" else "the close of the session, none at its open"
        draft.set("stamp", guess.stamp, f"sessions have a bar at {edge}")


def _set_day_zone(rows: Rows, draft: Draft) -> None:
    zone, calendar = zone_of_ticker(rows.ticker)
    wall = rows.wall_us
    if rows.kind == "instant" and len(wall):
        import pandas as pd

        times = pd.DatetimeIndex(wall.view("datetime64[us]"), tz="UTC")
        for place in _DAY_ZONES:
            local = times.tz_convert(place)
            if bool((local == local.normalize()).all()):
                draft.set("tz", place, "all times are midnights there: zone of the days")
                return
    if calendar != "24/7" and len(wall) and bool(((wall // US_PER_DAY + 3) % 7 == 5).any()):
        draft.set("tz", "UTC", "days of the bars; there are Saturdays", doubt="another zone of the days is possible")
    else:
        draft.set("tz", zone, f"zone of the bars' days; by the ticker {rows.ticker} the calendar is {calendar}")


def _take_preset(
    group: FileGroup, name: str, mapping: Mapping[str, Any], draft: Draft, given: Mapping[str, str]
) -> None:
    """Take a vendor's mapping: it knows what files do not show; the width is measured where it is one of several."""
    draft.preset = name
    for key, value in mapping.items():
        if key != "columns":
            draft.set(key, list(value) if isinstance(value, tuple) else value, f"as exports of {name} have it")
    draft.tree["columns"] = dict(mapping["columns"])
    for key, value in given.items():
        if key == "ticker" and "(?P<width>" not in str(draft.tree.get("ticker_from")):
            draft.tree.pop("ticker_from", None)
        draft.set(key, value, "as given")
    needs_zone = "tz" in load_preset(name).needs and "tz" not in given
    needs_width = not (_has_width(draft) or "schema" in given)
    if not (needs_zone or needs_width):
        return
    tree = draft.assumed(tz="UTC", stamp=None) | ({"schema": "ohlcv-1s"} if needs_width else {})
    usual = draft.tree.get("schema")
    is_date = usual is not None and is_daily(str(usual))
    rows = read_times(group.files[0], tree, group.format, "date" if is_date else "naive")
    if needs_width:
        found = guess_width(rows)
        if found.schema is not None and (found.is_sure or usual is None):
            draft.set("schema", found.schema, found.note, doubt=None if found.is_sure else "few rows show it")
        elif usual is None:
            draft.choose("schema", found.likely, found.note)
    if needs_zone and len(rows.wall_us):
        guess = guess_zone(rows, 60_000_000)
        servers = ["Europe/Athens"] if name.startswith("metatrader") else []
        hint = guess.note if guess.zone is not None else "the rows do not show it"
        note = f"{name} writes the clock of the server or computer, which files do not name; {hint}"
        draft.choose("tz", tuple(dict.fromkeys([*servers, *guess.likely])), note)
