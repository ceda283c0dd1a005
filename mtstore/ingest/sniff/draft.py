"""A mapping under construction: values with the reason of each, open choices and doubts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mtstore.sources.custom.mapping.parse_mapping import CHOOSE

_ORDER: Final = (
    "schema", "ticker", "ticker_from", "ticker_case", "tz", "stamp", "time_unit", "time_format", "encoding",
    "skip_lines", "comment", "header", "footer_lines", "delimiter", "decimal", "thousands", "null_values", "volume",
    "price_scale",
)  # fmt: skip
_PLAIN: Final = re.compile(r"[A-Za-z_][\w./+-]*\Z|[1-9]\d*\Z")
_WORDS: Final = ("yes", "no", "on", "off", "null", "y", "n")


@dataclass(slots=True)
class Draft:
    """Keys of a mapping, and for each the note that stands beside it.

    Attributes
    ----------
    tree
        Keys and values; a key that the file does not show has the value CHOOSE.
    notes
        What was seen, by key; of columns `columns.open`.
    choices
        The possible values of keys that the file does not show; the first is assumed where rows are shown.
    doubts
        Statements about values that are set but not certain.
    preset
        The vendor's export that the file is.
    """

    tree: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    choices: dict[str, Sequence[Any]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    preset: str | None = None

    def set(self, key: str, value: Any, note: str, *, doubt: str | None = None) -> None:
        """Set a key."""
        self.tree[key] = value
        self.notes[key] = note if doubt is None else f"{note}; unsure: {doubt}"
        self.choices.pop(key, None)
        if doubt is not None:
            self.doubts.append(f"{key}: {doubt}")

    def choose(self, key: str, candidates: Sequence[Any], note: str) -> None:
        """Leave a key open, which has one of several values."""
        self.tree[key] = CHOOSE
        self.choices[key] = candidates
        self.notes[key] = f"{note}; likely: {', '.join(map(str, candidates))}" if len(candidates) > 1 else note

    def assumed(self, **replaced: Any) -> dict[str, Any]:
        """Return keys and values with the first candidate of each open choice; a None removes a key."""
        tree = dict(self.tree)
        for key, candidates in self.choices.items():
            tree[key] = candidates[0]
        tree |= replaced
        return {key: value for key, value in tree.items() if value is not None}

    def to_yaml(self) -> str:
        """Return the mapping as YAML, with the note of each key as a comment."""
        columns: Mapping[str, Any] = self.tree.get("columns", {})
        names = sorted(self.tree.keys() - {"columns"}, key=_ORDER.index)
        lines = [_line(key, self.tree[key], self.notes.get(key)) for key in names]
        lines += ["columns:"] if columns else []
        lines += ["  " + _line(ours, theirs, self.notes.get(f"columns.{ours}")) for ours, theirs in columns.items()]
        return "\n".join(lines) + "\n"


def _line(key: str, value: Any, note: str | None) -> str:
    text = f"{key}: {_value(value)}"
    return f"{text:<34} # {' '.join(note.split())}" if note else text


def _value(value: Any) -> str:
    """Return a value as YAML, without quotes where it needs none."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    is_plain = isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _WORDS
    return str(value) if is_plain else json.dumps(value, ensure_ascii=False)
