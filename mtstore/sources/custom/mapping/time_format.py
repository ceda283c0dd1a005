"""Check the `strptime` formats of a mapping before a file is read."""

from __future__ import annotations

import re

DIRECTIVES = "aAbBdfHIjmMpSuwyYzZ%"
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DATE_PARTS = {"year": "Yy", "month": "mbBj", "day": "dj"}
_CLOCK = frozenset("HIMSfp")


def format_problems(style: str, *, has_date: bool) -> list[str]:
    """Return what is wrong with a time format.

    `has_date`: the date comes from elsewhere (the file's name), so that the format may consist of a time of day.
    """
    found = [
        f"'%{letter}' is not a directive; valid are {', '.join(f'%{one}' for one in DIRECTIVES)}"
        for letter in _DIRECTIVE.findall(style)
        if not letter or letter not in DIRECTIVES
    ]
    if found:
        return found[:1]
    letters = set(_DIRECTIVE.findall(style))
    missing = [part for part, ours in _DATE_PARTS.items() if not letters & set(ours)]
    if not missing or has_date:
        return []
    return [
        f"{style!r} has no {', '.join(missing)}; to join a date column and a time column write "  # noqa: ISC004
        "columns: {ts_event: [Date, Time]} and a format of both, such as '%Y%m%d %H:%M'"
    ]


def has_clock(style: str) -> bool:
    """Return whether a format contains a time of day."""
    return bool(set(_DIRECTIVE.findall(style)) & _CLOCK)
