"""Guess what a column of texts says about times: a format, or the unit of numbers."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final, Literal

Kind = Literal["instant", "naive", "date"]

_ISO: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?P<clock>[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:\s?(?P<zone>Z|[+-]\d\d:?\d\d|UTC))?)?\Z"
)
_ZONE_WORD: Final = re.compile(r"(?P<wall>.*\d)\s+(?P<zone>[A-Za-z]{2,5}|[A-Za-z_]+/[A-Za-z_/+\-0-9]+)\Z")
_CLOCK: Final = re.compile(r"(?:[01]?\d|2[0-4]):?[0-5]\d(?::?[0-5]\d(?:\.\d+)?)?(?:\s?[AaPp][Mm])?\Z")
_MIDNIGHT: Final = re.compile(r"(?P<head>.*\D)24(?P<zeros>:?00(?::?00)?)\Z")
# Month first and day first stand side by side where both are usual.
_DATES: Final = (
    "%Y%m%d", "%Y.%m.%d", "%Y/%m/%d", "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y",
    "%m.%d.%Y", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%b %d %Y", "%d-%b-%y",
    "%B %d, %Y", "%d %B %Y", "%Y-%b-%d", "%a %b %d %Y",
)  # fmt: skip
_REST: Final = re.compile(
    r"(?P<sign>[ T]|, ?|)(?:\d\d?:\d\d(?P<seconds>:\d\d)?|\d{4}(?P<short>\d\d)?)(?P<fraction>\.\d{1,6})?"
    r"(?P<half> ?[AaPp][Mm])?(?P<offset> ?(?:Z|[+-]\d\d:?\d\d))?\Z"
)
_SHAPES: Final = {
    "%Y": r"\d{4}", "%y": r"\d\d", "%m": r"\d\d?", "%d": r"\d\d?", "%b": "[A-Za-z]{3}", "%B": "[A-Za-z]{3,9}",
    "%a": "[A-Za-z]{3}",
}  # fmt: skip
_UNITS: Final = {9: "s", 10: "s", 13: "ms", 16: "us", 19: "ns"}
_SLASHES: Final = frozenset("/-")


@dataclass(frozen=True, slots=True)
class TimeGuess:
    """How times are read: `unit` of numbers, or `format` of text (None: ISO 8601); `other` fits as well."""

    kind: Kind
    note: str
    unit: str | None = None
    format: str | None = None
    other: str | None = None


def is_clock(values: Sequence[str]) -> bool:
    """Return whether values are times of day."""
    return bool(values) and all((_CLOCK.match(value) and not value.isdigit()) or _is_digits(value) for value in values)


def guess_times(values: Sequence[str]) -> TimeGuess | None:
    """Guess from the values that are not empty; None if they are not times. A tenth of them may be wrong."""
    values = [value for value in dict.fromkeys(values[:5_000]) if value]
    if not values:
        return None
    for guess in (_numbers, _iso, _formats):
        found = guess(values)
        if found is not None:
            return found
    return None


def decide_order(guess: TimeGuess, values: Iterable[str]) -> TimeGuess:
    """Return the guess without `other` if one of all values, or the steps between dates, excludes one of the orders."""
    if guess.other is None or guess.format is None:
        return guess
    unique = list(dict.fromkeys(" ".join(value.split()) for value in values if value.strip()))
    fits = {style: [_parsed(value, style) for value in unique] for style in (guess.format, guess.other)}
    counts = {style: sum(one is not None for one in parsed) for style, parsed in fits.items()}
    best = max(counts, key=lambda style: counts[style])
    rest = guess.other if best == guess.format else guess.format
    if counts[best] > counts[rest]:
        proof = next(
            value for value, one, two in zip(unique, fits[best], fits[rest], strict=True) if one and two is None
        )
        return TimeGuess(guess.kind, f"{proof!r} proves the order of day and month", format=best)
    spans = {style: _usual_step(parsed) for style, parsed in fits.items()}
    near, far = sorted(spans, key=lambda style: spans[style])
    if spans[near] <= 4 and spans[far] >= 25:
        note = f"rows are {spans[near]:.0f} day apart; in the other order ({far}) they would be {spans[far]:.0f}"
        return TimeGuess(guess.kind, note, format=near)
    return guess


def _is_digits(value: str) -> bool:
    return value.isdigit() and len(value) in (4, 6) and _CLOCK.match(value) is not None


def _numbers(values: list[str]) -> TimeGuess | None:
    whole = [re.sub(r"\.\d+\Z", "", value) for value in values]
    if not _most(value.isdigit() for value in whole):
        return None
    first = next(value for value in whole if value.isdigit())
    for size, style in ((8, "%Y%m%d"), (12, "%Y%m%d%H%M"), (14, "%Y%m%d%H%M%S")):
        if len(first) == size and _most(len(value) == size and _is_dated(value, style) for value in values):
            return TimeGuess("date" if size == 8 else "naive", f"as in {first}", format=style)
    unit = _UNITS.get(len(first))
    if unit is None or not _most(_UNITS.get(len(value)) == unit for value in whole):
        return None
    return TimeGuess("instant", f"{len(first)} digits, as in {first}, count {unit} since 1970, UTC", unit=unit)


def _iso(values: list[str]) -> TimeGuess | None:
    found = [match for value in values if (match := _ISO.match(value))]
    if not _most([True] * len(found) + [False] * (len(values) - len(found))):
        return None
    clocks = [match for match in found if match["clock"]]
    zones = [match for match in found if match["zone"]]
    if zones:
        return TimeGuess("instant", f"ISO 8601 with an offset, as in {values[0]}")
    return TimeGuess("naive" if clocks else "date", f"ISO 8601, as in {values[0]}")


def _formats(values: list[str]) -> TimeGuess | None:
    words = _ZONE_WORD.match(values[0])
    zone = words["zone"] if words and words["zone"].upper() not in ("AM", "PM") else None
    texts = []
    for value in values:
        text = " ".join(value.split())
        if zone is not None and (match := _ZONE_WORD.match(text)):
            text = match["wall"]
        texts.append(text)
    first = _few(texts)
    fitting = [style for style in _styles(first[0]) if _parsed(first[0], style) is not None]
    ranked = []
    for style in fitting:
        count = sum(_parsed(text, style) is not None for text in first)
        if count * 10 >= 9 * len(first):
            ranked.append((-sum(_parsed(text, style) is not None for text in texts), style))
    if not ranked:
        return None
    fewest = min(count for count, _ in ranked)
    styles = [style for count, style in ranked if count == fewest]
    style = styles[0]
    other = _other_order(style, styles)
    kind: Kind = "naive" if "%H" in style or "%I" in style else "date"
    kind = "instant" if "%z" in style else kind
    if zone is not None:
        return TimeGuess("instant", f"as in {values[0]}: with the zone {zone}", format=f"{style} %Z")
    note = f"as in {values[0]}"
    if style.startswith("%d.%m") and not any(_parsed(text, style.replace("%d.%m", "%m.%d")) is None for text in texts):
        note += "; dates with dots have the day first"
    return TimeGuess(kind, note, format=style, other=other)


def _styles(text: str) -> list[str]:
    """Return the formats whose date and clock have the shape of a text."""
    found = []
    for date in _DATES:
        match = _shape(date).match(text)
        rest = match and text[match.end() :]
        clock = "" if rest == "" else rest and _clock_format(rest)
        if clock is not None:
            found.append(date + clock)
    return found


@functools.cache
def _shape(date: str) -> re.Pattern[str]:
    pattern = re.escape(date)
    for directive, shape in _SHAPES.items():
        pattern = pattern.replace(re.escape(directive), shape)
    return re.compile(pattern)


def _clock_format(text: str) -> str | None:
    """Return the format of what follows a date, such as ` %H:%M`; None if it is not a time of day."""
    match = _REST.match(text)
    if match is None:
        return None
    hour = "%I" if match["half"] else "%H"
    colon = ":" if ":" in text.partition("+")[0] else ""
    style = f"{match['sign']}{hour}{colon}%M" + (f"{colon}%S" if match["seconds"] or match["short"] else "")
    style += ".%f" if match["fraction"] else ""
    style += match["half"].replace(match["half"].strip(), "%p") if match["half"] else ""
    offset = match["offset"] or ""
    return style + offset.replace(offset.strip(), "%z") if offset else style


def _other_order(style: str, styles: list[str]) -> str | None:
    """Return the format with day and month exchanged, if it fits as well and neither order is the custom."""
    if style[:2] not in ("%m", "%d") or style[2] not in _SLASHES or style[3:5] not in ("%m", "%d"):
        return None
    exchanged = style[3:5] + style[2] + style[:2] + style[5:]
    return exchanged if exchanged in styles else None


def _few(texts: list[str]) -> list[str]:
    """Return some of the texts; formats are tried on these first."""
    return texts[:: max(1, len(texts) // 20)]


def _is_dated(value: str, style: str) -> bool:
    parsed = _parsed(value, style)
    return parsed is not None and 1_900 <= parsed.year <= 2_100


def _parsed(text: str, style: str) -> datetime | None:
    try:
        return datetime.strptime(text, style)  # noqa: DTZ007 - only whether it fits
    except ValueError:
        midnight = _MIDNIGHT.match(text)
        return None if midnight is None else _parsed(f"{midnight['head']}00{midnight['zeros']}", style)


def _usual_step(parsed: Sequence[datetime | None]) -> float:
    days = sorted({one.toordinal() for one in parsed if one is not None})
    steps = sorted(after - before for before, after in pairwise(days))
    return float(steps[len(steps) // 2]) if len(steps) > 1 else 0.0


def _most(flags: Iterable[bool]) -> bool:
    found = list(flags)
    return sum(found) * 10 >= 9 * len(found) and any(found)
