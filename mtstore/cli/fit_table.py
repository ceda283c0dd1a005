"""Lay out a table as lines of text, fitted to a terminal: long texts are cut, columns that do not fit are left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

SEPARATOR: Final = "  "
LONGEST_TEXTS: Final = (64, 48, 32)
"""Characters of a text cell where the table does not fit otherwise, tried in this order."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """Columns of cells as text.

    Attributes
    ----------
    is_right
        For each column, whether it is aligned to the right.
    """

    names: Sequence[str]
    columns: Sequence[Sequence[str]]
    is_right: Sequence[bool]

    @property
    def widths(self) -> list[int]:
        """The width of each column."""
        return [max(map(len, [name, *cells])) for name, cells in zip(self.names, self.columns, strict=True)]

    def fitted(self, width: int) -> TextTable:
        """Return the columns that fit into a line of `width` characters, at least the first."""
        if _line_width(self.widths) <= width:
            return self
        for longest in LONGEST_TEXTS:
            short = TextTable(
                self.names, [self._cut(place, longest) for place in range(len(self.names))], self.is_right
            )
            if _line_width(short.widths) <= width:
                return short
        kept = 1
        while _line_width(short.widths[: kept + 1]) <= width:
            kept += 1
        return TextTable(short.names[:kept], short.columns[:kept], short.is_right[:kept])

    def _cut(self, place: int, longest: int) -> Sequence[str]:
        cells = self.columns[place]
        return cells if self.is_right[place] else [cut(cell, longest) for cell in cells]

    def lines(self) -> Iterator[str]:
        """Yield the header, a rule and the rows."""
        widths = self.widths

        def line(parts: Iterable[str]) -> str:
            padded = [
                part.rjust(width) if to_right else part.ljust(width)
                for part, width, to_right in zip(parts, widths, self.is_right, strict=True)
            ]
            return SEPARATOR.join(padded).rstrip()

        yield line(self.names)
        yield SEPARATOR.join("-" * width for width in widths)
        for values in zip(*self.columns, strict=True):
            yield line(values)


def cut(text: str, width: int) -> str:
    """Return a text of at most `width` characters, the last of them … where something is missing."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _line_width(widths: Sequence[int]) -> int:
    return sum(widths) + len(SEPARATOR) * (len(widths) - 1)
