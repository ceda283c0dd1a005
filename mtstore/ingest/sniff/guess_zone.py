"""Guess the zone of wall times: in which one volume begins and ends with the sessions of an exchange."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from mtstore.calendars import calendar_timezone
from mtstore.infer_calendar import US_EQUITIES, infer_calendar
from mtstore.ranges import US_PER_DAY

# Minutes of the open and the close on the exchange's own clock, and the days between opens. Futures and currencies open
# on the evening before. Holidays and half days do not matter for a guess.
_EVENING: Final = -7 * 60
_HOURS: Final = {
    "XNYS": ("America/New_York", 570, 960, 1),
    "XTSE": ("America/Toronto", 570, 960, 1),
    "XLON": ("Europe/London", 480, 990, 1),
    "XETR": ("Europe/Berlin", 540, 1_050, 1),
    "XPAR": ("Europe/Paris", 540, 1_050, 1),
    "XAMS": ("Europe/Amsterdam", 540, 1_050, 1),
    "XMIL": ("Europe/Rome", 540, 1_050, 1),
    "XMAD": ("Europe/Madrid", 540, 1_050, 1),
    "XSWX": ("Europe/Zurich", 540, 1_050, 1),
    "XTKS": ("Asia/Tokyo", 540, 900, 1),
    "XHKG": ("Asia/Hong_Kong", 570, 960, 1),
    "XSHG": ("Asia/Shanghai", 570, 900, 1),
    "XKRX": ("Asia/Seoul", 540, 930, 1),
    "XASX": ("Australia/Sydney", 600, 960, 1),
    "XBOM": ("Asia/Kolkata", 555, 930, 1),
    "CMES": ("America/Chicago", _EVENING, 960, 1),
    "24/5": ("America/New_York", _EVENING, 4 * 1_440 + 1_020, 7),
}
# New York's sessions on the clocks of vendors and users elsewhere.
_ELSEWHERE: Final = ("UTC", "America/Chicago", "America/Los_Angeles", "Europe/Berlin")
_BROKERS: Final = ("UTC", "Europe/Athens", "Europe/Berlin", "America/Chicago")
_WINDOW_US: Final = 15 * 60 * 1_000_000
_LOWEST_SCORE: Final = 0.3
_LEAD: Final = 0.15
_FEW_ROWS: Final = 10


@dataclass(frozen=True, slots=True)
class ZoneGuess:
    """The zone (None if it is not clear), what was seen, the likely zones, and the stamp that the sessions show."""

    zone: str | None
    note: str
    likely: tuple[str, ...]
    stamp: str | None = None
    is_sure: bool = True


def guess_zone(wall_us: np.ndarray, volume: np.ndarray | None, width_us: int, ticker: str) -> ZoneGuess:
    """Guess the zone of naive times (microseconds of the wall clock)."""
    is_weekend = (wall_us // US_PER_DAY + 3) % 7 == 5  # 0 is a Monday
    if infer_calendar(ticker, "own") == "24/7" or is_weekend.any():
        why = "bars on Saturdays" if is_weekend.any() else f"{ticker} trades at all hours"
        return ZoneGuess(None, f"{why}: no session shows the zone", ("UTC", "America/New_York"))
    weights = np.ones(len(wall_us)) if volume is None or not np.nansum(volume) else np.nan_to_num(volume)
    scores = sorted(
        ((_score(wall_us, weights, width_us, zone, name), zone, name) for zone, name in _hypotheses(ticker)),
        key=lambda one: -one[0],
    )
    if not scores:
        return ZoneGuess(None, "the hours of its exchange are not known here", (zone_of_ticker(ticker)[0], "UTC"))
    best, zone, name = scores[0]
    second = next((one for one in scores if one[1] != zone), scores[0])
    likely = tuple(dict.fromkeys(one[1] for one in scores if one[0] > 0)) or ("UTC", "America/New_York")
    if len(wall_us) > 1 and best >= _LOWEST_SCORE and best - second[0] >= _LEAD:
        opens, closes, shown, months = _edges(wall_us, width_us, zone, name)
        stamp = "close" if closes > opens else "open" if opens > closes else None
        when = f" ({shown} is the {'close' if stamp == 'close' else 'open'} of {name}{months})" if shown else ""
        note = (
            f"clear: as {zone} {_inside(wall_us, weights, zone, name):.0%} of the volume is in sessions of {name}{when}"
        )
        note += f"; next best: {second[1]} ({second[0]:.2f} against {best:.2f})"
        return ZoneGuess(zone, note, likely, stamp, is_sure=len(wall_us) >= _FEW_ROWS)
    if len(np.unique(wall_us // 3_600_000_000 % 24)) >= 20:
        return ZoneGuess(None, "bars at all hours: no session shows the zone", tuple(dict.fromkeys(("UTC", *likely))))
    return ZoneGuess(
        None, f"not clear: {zone} ({name}) fits with {best:.2f}, {second[1]} ({second[2]}) with {second[0]:.2f}", likely
    )


def _score(wall: np.ndarray, weights: np.ndarray, width: int, zone: str, calendar: str) -> float:
    """Return the share of volume in sessions, times how sharply volume begins and ends with them."""
    opens, closes = _sessions(calendar, zone, int(wall.min()), int(wall.max()))
    if not len(opens):
        return 0.0
    window = max(_WINDOW_US, width)
    starts = opens // width * width if width < 3_600_000_000 else opens
    if _HOURS[calendar][3] > 1:
        # Files are often cut at midnight, where weeks open on the clock of some brokers: only weekends inside count.
        starts, closes = starts[starts > wall.min()], closes[closes < wall.max()]
    after = _weight(wall, weights, starts, starts + window)
    before = _weight(wall, weights, starts - window, starts)
    inner = _weight(wall, weights, closes - window, closes)
    outer = _weight(wall, weights, closes + width, closes + width + window)
    sharp = 0.6 * _contrast(after, before) + 0.4 * _contrast(inner, outer)
    return _inside(wall, weights, zone, calendar) * sharp


def _contrast(inside: float, outside: float) -> float:
    total = inside + outside
    return max(0.0, (inside - outside) / total) if total else 0.0


def _inside(wall: np.ndarray, weights: np.ndarray, zone: str, calendar: str) -> float:
    opens, closes = _sessions(calendar, zone, int(wall.min()), int(wall.max()))
    total = float(weights.sum())
    return _weight(wall, weights, opens, closes + 1) / total if total and len(opens) else 0.0


def _weight(wall: np.ndarray, weights: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> float:
    """Return the weight of times in one of the ranges, which are sorted and apart."""
    if not len(starts):
        return 0.0
    place = np.searchsorted(starts, wall, side="right") - 1
    is_in = (place >= 0) & (wall < ends[np.maximum(place, 0)])
    return float(weights[is_in].sum())


def _edges(wall: np.ndarray, width: int, zone: str, calendar: str) -> tuple[int, int, str, str]:
    """Return the number of sessions with a bar at the open and at the close; the clock of the edge, and the months."""
    opens, closes = _sessions(calendar, zone, int(wall.min()), int(wall.max()))
    at_open, at_close = np.intersect1d(opens, wall), np.intersect1d(closes, wall)
    # An end of the first bar counts as a close if no bar has the open's time.
    at_first = np.intersect1d(opens + width, wall)
    ends = len(at_close) + (len(at_first) if not len(at_open) and len(at_close) else 0)
    hits = at_close if ends > len(at_open) else at_open
    if not len(hits):
        return len(at_open), ends, "", ""
    clock = str(np.datetime64(int(hits[0]), "us"))[11:16]
    same = hits[hits % US_PER_DAY == hits[0] % US_PER_DAY]
    months = same.view("datetime64[us]").astype("datetime64[M]").astype(int) % 12
    words = [f"in {date(2_000, month + 1, 1):%B}" for month in dict.fromkeys(months.tolist())]
    chosen = [words[0], words[len(words) // 2]] if len(words) > 2 else words
    return len(at_open), ends, clock, " " + " and ".join(dict.fromkeys(chosen))


def zone_of_ticker(ticker: str) -> tuple[str, str]:
    """Return the zone of a ticker's days, and the calendar that its name suggests."""
    calendar = infer_calendar(ticker, "own")
    return ("UTC" if calendar in ("24/7", "24/5") else calendar_timezone(calendar)), calendar


def _hypotheses(ticker: str) -> list[tuple[str, str]]:
    """Return pairs of the clock of the times and the exchange where the ticker trades."""
    named = infer_calendar(ticker, "own")
    if named not in _HOURS:
        return []
    local = _HOURS[named][0]
    if named != US_EQUITIES:
        elsewhere = _BROKERS if named == "24/5" else ("UTC", "America/New_York")
        return [(zone, named) for zone in dict.fromkeys((local, *elsewhere))]
    exchanges = ["XNYS", "XLON", "XETR", *(("XTKS", "XHKG", "XSHG", "XKRX") if ticker.strip().isdigit() else ())]
    own = [(_HOURS[one][0], one) for one in exchanges]
    return [*own, *(("UTC", one) for one in exchanges[1:]), *((zone, "XNYS") for zone in _ELSEWHERE)]


@functools.lru_cache(maxsize=256)
def _walls(calendar: str, zone: str, first_day: int, last_day: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the opens and closes of an exchange's weekdays on the clock of a zone."""
    import pandas as pd

    local, open_minute, close_minute, step = _HOURS[calendar]
    days = np.arange(first_day - step, last_day + 2)
    midnights = days[(days + 3) % 7 < (5 if step == 1 else 1)] * US_PER_DAY
    found = []
    for minute in (open_minute, close_minute):
        walls: Any = pd.DatetimeIndex((midnights + minute * 60_000_000).view("datetime64[us]"))
        there = walls.tz_localize(local).tz_convert(zone).tz_localize(None)
        found.append(there.as_unit("us").asi8)
    return found[0], found[1]


def _sessions(calendar: str, zone: str, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    return _walls(calendar, zone, first // US_PER_DAY - 1, last // US_PER_DAY + 1)
