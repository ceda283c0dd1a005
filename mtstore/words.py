"""What somebody most likely meant, and values that cannot be: sentences that say what would be right."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from mtstore.errors import InputError


def nearest_word(word: object, valid: Iterable[object]) -> str | None:
    """The word of `valid` nearest to `word`, or None if none is near; upper and lower case are the same.

    The last part of a path-like word counts too: `new_york` is near `America/New_York`.
    """
    names = sorted(str(name) for name in valid)
    folded = {name.casefold(): name for name in names}
    tails = {name.casefold().rpartition("/")[2]: name for name in names}
    asked = str(word).strip().casefold().replace(" ", "_")
    for spellings, cutoff in ((folded, 0.55), (tails, 0.8)):
        found = difflib.get_close_matches(asked, spellings, n=1, cutoff=cutoff)
        if found:
            return spellings[found[0]]
    # An abbreviation such as "inner" shares too few letters for a ratio, yet says which word it cuts.
    starts = [name for name in names if asked and name.casefold().startswith(asked)]
    return starts[0] if len(starts) == 1 else None


def did_you_mean(word: object, valid: Iterable[object]) -> str:
    """`; did you mean 'forward_fill'?`, or an empty text if nothing is near."""
    nearest = nearest_word(word, valid)
    return f"; did you mean {nearest!r}?" if nearest else ""


def check_options(options: Iterable[str], valid: Iterable[str]) -> None:
    """Refuse an option that is not valid; InputError names it, and those that are."""
    names = tuple(valid)
    for name in options:
        if name not in names:
            raise InputError(f"unknown option {name!r}{did_you_mean(name, names)} (valid: {', '.join(names)})")


def check_number(name: str, value: Any, *, least: float | None = 0) -> None:
    """Refuse what is no finite number, or lies below `least`; numpy's numbers are numbers, booleans are not."""
    is_number = not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
    if not is_number or (least is not None and float(value) < least):
        limit = "" if least is None else f" from {least:g}"
        raise InputError(f"{name} {value!r}: a number{limit}, got {type(value).__name__}")


def check_count(name: str, value: Any, *, least: int = 1) -> None:
    """Refuse what is no whole number, or lies below `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise InputError(f"{name} {value!r}: a whole number of at least {least}, got {type(value).__name__}")
