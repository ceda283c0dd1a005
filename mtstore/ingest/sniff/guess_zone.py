"""Guess the zone of wall times: in which one volume begins and ends with the sessions of an exchange."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np

from mtstore.calendars import calendar_timezone
from mtstore.infer_calendar import SPOT_CURRENCIES, US_EQUITIES, infer_calendar
from mtstore.ingest.sniff.text_head import Rows
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
    "CME_FX": ("America/Chicago", _EVENING, 960, 1),
    "CME_RATES": ("America/Chicago", _EVENING, 960, 1),
    "CME_METALS": ("America/Chicago", _EVENING, 960, 1),
    "FOREX": ("America/New_York", _EVENING, 4 * 1_440 + 1_020, 7),
}
# Clocks of vendors and users elsewhere; the first of those that fit equally well is taken.
_ELSEWHERE: Final = (
    "UTC", "America/New_York", "-05:00", "America/Chicago", "America/Los_Angeles", "Europe/London", "Europe/Berlin",
    "Europe/Athens", "Asia/Kolkata", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "America/Sao_Paulo",
)  # fmt: skip
_WINDOW_US: Final = 15 * 60 * 1_000_000
_HOUR_US: Final = 3_600_000_000
_MOST_US: Final = 800 * US_PER_DAY
_LOWEST_SCORE: Final = 0.6
_LEAD: Final = 0.15
_FEW_ROWS: Final = 10
# Bars stamped with their close look like those of a zone an hour away; stamps at the open are usual.
_PRIOR: Final = {"open": 1.0, "close": 0.8}


@dataclass(frozen=True, slots=True)
class ZoneGuess:
    """The zone (None if it is not clear), what was seen, the likely zones, and the stamp that the sessions show."""

    zone: str | None
    note: str
    likely: tuple[str, ...]
    stamp: str | None = None
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class _Sessions:
    """The sessions of an exchange on the clock of a zone, and how volume fits them."""

    zone: str
    calendar: str
    opens: np.ndarray
    score: float = 0.0
    inside: float = 0.0
    misfits: int = 0
    weeks: int = 0
    stamp: str | None = None
    edges: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))


class _Volume:
    """The volume at each time; without volume each row counts once."""

    def __init__(self, rows: Rows, width_us: int) -> None:
        is_late = rows.wall_us > rows.wall_us.max() - _MOST_US
        weights = np.nan_to_num(rows.volume[is_late])
        self.times, place = np.unique(rows.wall_us[is_late], return_inverse=True)
        self.total = np.concatenate([[0.0], np.cumsum(np.bincount(place, weights if weights.any() else None))])
        self.width = width_us
        usual_step = int(np.median(np.diff(self.times))) if len(self.times) > 2 else width_us
        self.window = max(_WINDOW_US, width_us, min(3 * usual_step, _HOUR_US) if usual_step > width_us else 0)
        self.is_on_grid = not bool((self.times % width_us).any())

    def between(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Return the volume in each half-open range."""
        found: np.ndarray = (
            self.total[np.searchsorted(self.times, ends)] - self.total[np.searchsorted(self.times, starts)]
        )
        return found


def guess_zone(rows: Rows, width_us: int) -> ZoneGuess:
    """Guess the zone of naive times."""
    ticker = rows.ticker
    if infer_calendar(ticker, "own") == "24/7":
        return ZoneGuess(None, f"{ticker} trades at all hours: no session shows the zone", ("UTC", "America/New_York"))
    volume = _Volume(rows, width_us)
    found = [_fit(volume, zone, calendar) for zone, calendar in _hypotheses(ticker)]
    found.sort(key=lambda one: -one.score)
    fitting = [one.zone for one in found if one.score >= _LOWEST_SCORE]
    likely = tuple(dict.fromkeys([*fitting, zone_of_ticker(ticker)[0], "UTC"]))[:4]
    if not found or not found[0].score:
        return ZoneGuess(None, "volume does not begin and end with the sessions of any likely zone", likely)
    best = found[0]
    equal = [one for one in found[1:] if one.calendar == best.calendar and np.array_equal(one.opens, best.opens)]
    known = {best.zone, *(one.zone for one in equal)}
    others = [one for one in found if one.zone not in known]
    second = others[0] if others else best
    if len(volume.times) < 2 or best.score < _LOWEST_SCORE or (others and best.score - second.score < _LEAD):
        beside = f", {second.zone} with {second.score:.2f}" if others else ""
        return ZoneGuess(None, f"not clear: {best.zone} ({best.calendar}) fits with {best.score:.2f}{beside}", likely)
    note = f"clear: as {best.zone} {best.inside:.0%} of the volume is in sessions of {best.calendar}{_shown(best)}"
    note += f"; next best: {second.zone} ({second.score:.2f} against {best.score:.2f})" if others else ""
    doubts = ["few rows show it"] if len(volume.times) < _FEW_ROWS else []
    doubts += [f"{best.misfits} of {best.weeks} weeks do not fit"] if best.misfits else []
    places = [one.zone for one in equal if one.zone[0] != "-"]
    doubts += [f"{places[0]} has the same clock in these rows"] if places else []
    return ZoneGuess(best.zone, note, likely, best.stamp, "; ".join(doubts) or None)


def _fit(volume: _Volume, zone: str, calendar: str) -> _Sessions:
    """Return the share of weeks in which volume begins and ends with most sessions, times the share within sessions."""
    first, last = int(volume.times[0]), int(volume.times[-1])
    opens, closes = _walls(calendar, zone, first // US_PER_DAY - 1, last // US_PER_DAY + 1)
    if volume.is_on_grid:
        opens, closes = opens // volume.width * volume.width, -(-closes // volume.width) * volume.width
    is_weekly = _HOURS[calendar][3] > 1
    fits = {
        stamp: _fit_stamp(volume, opens + shift, closes + shift, is_weekly=is_weekly)
        for stamp, shift in (("open", 0), ("close", volume.width))
    }
    stamp = max(fits, key=lambda one: fits[one][0] * _PRIOR[one])
    score, inside, misfits, weeks = fits[stamp]
    at_open = opens[(volume.between(opens - volume.window, opens) == 0) & (volume.between(opens, opens + 1) > 0)]
    after = volume.between(closes + 1, closes + 1 + volume.window)
    is_last = (after == 0) & (volume.between(closes, closes + 1) > 0) & (volume.between(opens, opens + 1) == 0)
    edges = {"open": at_open, "close": closes[is_last]}
    shown = max(edges, key=lambda one: len(edges[one]))
    has_data = volume.between(opens - volume.window, closes + volume.window) > 0
    return _Sessions(
        zone, calendar, opens[has_data], score * _PRIOR[stamp], inside, misfits, weeks,
        shown if len(edges[shown]) else None, edges[shown],
    )  # fmt: skip


def _fit_stamp(
    volume: _Volume, opens: np.ndarray, closes: np.ndarray, *, is_weekly: bool
) -> tuple[float, float, int, int]:
    """Return score, share of volume within sessions, and the numbers of weeks that do not fit and of all."""
    window = volume.window
    after, before = volume.between(opens, opens + window), volume.between(opens - window, opens)
    inner = volume.between(closes - window, closes)
    # The bar at the close itself may hold the closing auction.
    outer = volume.between(closes + volume.width, closes + volume.width + window)
    within = volume.between(opens, closes)
    has_data = volume.between(opens - window, closes + window) > 0
    begins, ends = after > 2 * before, inner >= 2 * outer
    if is_weekly:
        # Files are often cut at midnight, where weeks open on the clock of some brokers: only weekends inside count.
        is_inside, is_ended = opens - window > volume.times[0], closes + window < volume.times[-1]
        begins, ends, has_data = begins | ~is_inside, ends | ~is_ended, has_data & (is_inside | is_ended)
    if not has_data.any():
        return 0.0, 0.0, 0, 0
    weeks, place = np.unique((opens[has_data] // US_PER_DAY + 3) // 7, return_inverse=True)
    share = np.bincount(place, (begins & ends)[has_data]) / np.bincount(place)
    inside = float(within.sum() / volume.total[-1])
    # Bars at both edges of sessions are better evidence than none outside.
    edges = (volume.between(opens, opens + 1) > 0)[has_data].mean() + (inner > 0)[has_data].mean()
    score = float((share >= 0.5).mean() * (0.6 + 0.2 * edges)) * inside
    return score, inside, int((share < 0.5).sum()), len(weeks)


def _shown(best: _Sessions) -> str:
    """Return the clock at which sessions open or close, and two months in which they do."""
    if not len(best.edges):
        return ""
    clock = str(np.datetime64(int(best.edges[0]), "us"))[11:16]
    same = best.edges[best.edges % US_PER_DAY == best.edges[0] % US_PER_DAY]
    months = list(dict.fromkeys((same.view("datetime64[us]").astype("datetime64[M]").astype(int) % 12).tolist()))
    words = dict.fromkeys(f"in {date(2_000, months[at] + 1, 1):%B}" for at in (0, len(months) // 2))
    return f" ({clock} is the {best.stamp} of {best.calendar} {' and '.join(words)})"


def zone_of_ticker(ticker: str) -> tuple[str, str]:
    """Return the zone of a ticker's days, and the calendar that its name suggests."""
    calendar = infer_calendar(ticker, "own")
    return ("UTC" if calendar in ("24/7", SPOT_CURRENCIES) else calendar_timezone(calendar)), calendar


def _hypotheses(ticker: str) -> list[tuple[str, str]]:
    """Return pairs of the clock of the times and the exchange where the ticker trades."""
    named = infer_calendar(ticker, "own")
    if named not in _HOURS:
        return []
    found = [(zone, named) for zone in dict.fromkeys((_HOURS[named][0], *_ELSEWHERE))]
    if named == US_EQUITIES:
        # Names without a suffix may be of any exchange.
        found += [(zone, one) for one in ("XLON", "XETR") for zone in _ELSEWHERE]
        if ticker.strip().isdigit():
            found += [(zone, one) for one in ("XTKS", "XHKG", "XSHG", "XKRX") for zone in (_HOURS[one][0], "UTC")]
    return found


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
