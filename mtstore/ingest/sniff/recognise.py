"""Recognise the exports of vendors, by their first lines and names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mtstore.sources.custom.load_presets import Layout, load_preset, preset_names
from mtstore.sources.custom.mapping.file_name import name_facts

# Their layouts are those of other vendors and of users, too: what the rows say counts more.
_COMMON: Final = ("alphavantage", "firstratedata", "kibot")


def recognise(path: Path, lines: Sequence[str]) -> tuple[str, Layout, bool] | None:
    """Return the preset that a file's first two lines and its name fit, its layout, and whether no other has it."""
    first = [*lines[:2], "", ""][:2]
    ordered = sorted(preset_names(), key=lambda name: name in _COMMON)
    for name in ordered:
        for layout in load_preset(name).layouts:
            if layout.fits(path, first) and _fits_name(path, layout) and _fits_prices(name, first[0]):
                return name, layout, name not in _COMMON
    return None


def _fits_name(path: Path, layout: Layout) -> bool:
    rule = layout.mapping.get("ticker_from")
    if rule is None:
        return True
    try:
        return name_facts(rule, path.absolute().as_posix()) is not None
    except ValueError:
        return False


def _fits_prices(name: str, line: str) -> bool:
    """LEAN's prices are whole numbers of four places."""
    return name != "lean" or re.match(r"[\d :]+(?:,\d+){4},", line) is not None
