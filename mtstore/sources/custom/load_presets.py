"""Mappings of vendors' exports, which come with the package as YAML files in `presets/`.

A preset has `layouts`: each has the mapping of files whose first line matches `first_line`, and, if there are such
keys, whose second line matches `second_line` and whose name matches `file_name`. `needs` names the keys that such files
cannot show, which the caller must give.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from mtstore.arguments import did_you_mean
from mtstore.errors import BrokenFileError, InputError
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
from mtstore.sources.custom.mapping.parse_mapping import parse_mapping
from mtstore.sources.custom.open_text import archive_members, named_errors, open_text

_FOLDER: Final = resources.files("mtstore.sources.custom") / "presets"
_PLAIN: Final = ColumnMapping("ohlcv-1m")


@dataclass(frozen=True, slots=True)
class Layout:
    """One form of a vendor's export."""

    first_line: str
    mapping: Mapping[str, Any]
    second_line: str | None = None
    file_name: str | None = None

    def fits(self, path: Path, lines: Sequence[str]) -> bool:
        """Return whether a file with these first two lines has the layout."""
        patterns = ((self.first_line, lines[0]), (self.second_line, lines[1]))
        fits_name = self.file_name is None or re.search(self.file_name, path.name) is not None
        return fits_name and all(one is None or re.match(one, line, re.IGNORECASE) for one, line in patterns)


@dataclass(frozen=True, slots=True)
class Preset:
    """A vendor's exports; `about` is the comment at the head of its file."""

    name: str
    about: str
    layouts: tuple[Layout, ...]
    needs: tuple[str, ...] = ()

    def layout_of(self, path: Path) -> Layout | None:
        """Return the layout that a file has; None if it has none of them.

        Raises
        ------
        BrokenFileError
            The file cannot be read as text.
        """
        lines = first_lines(path)
        return next((one for one in self.layouts if one.fits(path, lines)), None)

    def mapping_of(self, path: Path, **given: str | None) -> ColumnMapping:
        """Return the mapping of a file; `given` are keys that replace those of the preset.

        Raises
        ------
        InputError
            A key of `needs` is not given.
        BrokenFileError
            The file has none of the layouts.
        """
        layout = self.layout_of(path)
        if layout is None:
            raise BrokenFileError(
                f"{path}: its first line is not that of an export of {self.name}: {first_lines(path)[0]!r}"
            )
        beside = {key: value for key, value in given.items() if value is not None}
        for key in self.needs:
            if key not in beside:
                raise InputError(f"{key}: files of {self.name} do not show it; give it (--{key}). {self.about}")
        tree = dict(layout.mapping)
        if "ticker" in beside and "ticker_from" in tree and "width" not in tree["ticker_from"]:
            del tree["ticker_from"]
        return parse_mapping(tree | beside)


@functools.cache
def preset_names() -> tuple[str, ...]:
    """Return the names of all presets, sorted."""
    return tuple(
        sorted(entry.name.removesuffix(".yaml") for entry in _FOLDER.iterdir() if entry.name.endswith(".yaml"))
    )


@functools.cache
def load_preset(name: str) -> Preset:
    """Load a preset; InputError names the nearest one."""
    from mtstore.config.yaml_reader import read_yaml

    if name not in preset_names():
        raise InputError(
            f"format: was {name!r}{did_you_mean(name, preset_names())}; use one of {', '.join(preset_names())}"
        )
    content = (_FOLDER / f"{name}.yaml").read_bytes()
    about = " ".join(line.removeprefix("#").strip() for line in content.decode().splitlines() if line.startswith("#"))
    tree = read_yaml(content).tree
    layouts = tuple(Layout(**one) for one in tree["layouts"])
    return Preset(name, about, layouts, tuple(tree.get("needs", ())))


def first_lines(path: Path) -> tuple[str, str]:
    """Return the first two lines of a text file, or of the first member of an archive, without their ends."""
    members = archive_members(path)
    with named_errors(path), open_text(path, members[0] if members else None, _PLAIN) as stream:
        first, second = (stream.readline(1 << 16).decode("utf-8").rstrip("\r\n") for _ in range(2))
    return first, second
