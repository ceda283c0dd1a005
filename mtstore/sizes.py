"""Sizes in bytes as people write them."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from mtstore.errors import InputError

_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b\s*\Z", re.I)
_MOST_BYTES: Final = 1 << 60  # DuckDB counts no further


def size_bytes(size: str | int) -> int:
    """`500MB` (powers of ten), `2GiB` (of two), or a whole number of bytes, as that number.

    Raises
    ------
    InputError
        It is no size above 0.
    """
    found = 0
    if isinstance(size, str):
        match = _SIZE.match(size)
        if match is not None:
            power = " kmgt".index(match[2].lower() or " ")
            found = int(Fraction(match[1]) * (1024 if match[3] else 1000) ** power)
    elif isinstance(size, int) and not isinstance(size, bool):
        found = size
    if not 0 < found <= _MOST_BYTES:
        raise InputError(f"memory limit {size!r}: a size such as '500MB' or '2GiB', or a number of bytes")
    return found
