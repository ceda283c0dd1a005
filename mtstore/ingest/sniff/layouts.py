"""Divide files into groups that one mapping can read, by their first lines and names."""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from mtstore.errors import BrokenFileError, IngestError, UnrecognisedFileError
from mtstore.ingest.sniff.guess_ticker import ticker_of_stem
from mtstore.ingest.sniff.guess_zone import zone_of_ticker
from mtstore.ingest.sniff.recognise import recognise
from mtstore.ingest.sniff.text_head import Head, read_head
from mtstore.sources.custom.open_text import is_text, named_errors
from mtstore.sources.custom.read_file import CustomFormat
from mtstore.sources.detect_format import detect_format

_HEAD_BYTES: Final = 1 << 14
_FEWEST_STEPS: Final = 20
_DAY: Final = 86_400
_COLONS: Final = re.compile(r"(\d\d?):(\d\d)(?::(\d\d))?")
_PACKED: Final = re.compile(r"\b\d{8}[ ,;\tT]+(\d\d)(\d\d)(\d\d)?\b")
_EPOCH: Final = re.compile(r"(?<![\d.])(1\d{9})(?:\d{3}|\d{6}|\d{9})?(?![\d.])")


@dataclass(slots=True)
class FileGroup:
    """Files of one layout; `format` is that of the reader."""

    format: CustomFormat
    files: list[Path] = field(default_factory=list)


@dataclass(slots=True)
class FoundFiles:
    """Files by what they are.

    Attributes
    ----------
    groups
        Tables that need a mapping.
    known
        Files that do not, by format (`dbn`, `polygon-flatfile`).
    others
        Files that are not tables, with the reason.
    """

    groups: list[FileGroup] = field(default_factory=list)
    known: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    others: dict[Path, str] = field(default_factory=dict)


def divide_files(files: Sequence[Path]) -> FoundFiles:
    """Divide files by layout; those with too few rows to show their width join others of the same columns."""
    found = FoundFiles()
    groups: dict[tuple[object, ...], dict[int, FileGroup]] = defaultdict(dict)
    for path in files:
        try:
            kind = _format_of(path)
            if kind in ("dbn", "polygon-flatfile"):
                found.known[kind].append(path)
                continue
            table: CustomFormat = "parquet" if kind == "parquet" else "csv"
            layout, step = (_parquet_layout(path), 0) if table == "parquet" else _text_layout(path)
        except (IngestError, OSError) as error:
            found.others[path] = str(error)
            continue
        calendar = zone_of_ticker(ticker_of_stem(path.name))[1]
        groups[table, layout, calendar].setdefault(step, FileGroup(table)).files.append(path)
    for by_step in groups.values():
        intraday = [group for step, group in by_step.items() if 0 < step < _DAY]
        if 0 in by_step and intraday:
            max(intraday, key=lambda group: len(group.files)).files += by_step.pop(0).files
        found.groups += by_step.values()
    order = {path: number for number, path in enumerate(files)}
    for group in found.groups:
        group.files.sort(key=order.__getitem__)
    return found


def _format_of(path: Path) -> str:
    try:
        return detect_format(path)
    except UnrecognisedFileError:
        # Text that is packed in another way, or in UTF-16, is unknown to it but not to the reader.
        if is_text(path):
            return "csv"
        raise


def _parquet_layout(path: Path) -> tuple[object, ...]:
    import pyarrow.parquet as pq

    with named_errors(path), pq.ParquetFile(path) as file:
        return tuple((one.name, str(one.type)) for one in file.schema_arrow)


def _text_layout(path: Path) -> tuple[tuple[object, ...], int]:
    """Return what files of one layout have in common, and the step between rows in seconds (0: too few rows)."""
    head = read_head(path, _HEAD_BYTES)
    step = _step(head.lines)
    known = recognise(path, head.lines)
    if known is not None and known[2]:
        # A width in the name is read from each name.
        layout = (known[0], known[1].first_line, known[1].second_line, known[1].file_name)
        return layout, 0 if "schema" not in known[1].mapping else step
    return (head.encoding, _shape(head.lines[0]), _shape(_last_row(path, head))), step


def _last_row(path: Path, head: Head) -> str:
    filled = [line for line in head.lines if line.strip()]
    if not filled:
        raise BrokenFileError(f"{path}: the file has only empty lines")
    # The very last line may be a footer.
    return filled[-2] if len(filled) > 2 else filled[-1]


def _shape(line: str) -> tuple[str, ...]:
    """Return a header's names, or of a row the kinds of its cells; dates differ by the order of their parts."""
    delimiter = max(",;\t|", key=line.count)
    cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    if not any(letter.isdigit() for letter in line):
        return (delimiter, *(cell.casefold() for cell in cells))
    return (delimiter, *(_cell_shape(cell, at) for at, cell in enumerate(cells)))


def _cell_shape(cell: str, at: int) -> str:
    if cell and not any(letter.isdigit() for letter in cell):
        return "text"
    # Times are the first or second column, or the header says which; other cells are numbers.
    if at > 1 or re.fullmatch(r"[-+]?\d*[.,]\d*|[-+]?\d{0,5}", cell):
        return "value"
    text = re.sub(r"\d+", lambda run: {1: "9", 2: "9", 4: "Y"}.get(len(run[0]), f"<{len(run[0])}>"), cell)
    return re.sub(r"[A-Za-z]+", "a", text)


def _step(lines: Sequence[str]) -> int:
    """Return the greatest step that divides rows' distances, in seconds; a day without a clock, 0 for few rows."""
    seconds = [found for line in lines if (found := _seconds(line)) is not None]
    steps = {abs(after - before) % _DAY for before, after in pairwise(seconds)} - {0}
    if not steps:
        return _DAY if len(seconds) != 1 else 0
    return math.gcd(*steps, _DAY) if len(seconds) > _FEWEST_STEPS else 0


def _seconds(line: str) -> int | None:
    """Return the time of day of a row in seconds."""
    clock = _COLONS.search(line) or _PACKED.search(line)
    if clock is not None:
        return int(clock[1]) * 3_600 + int(clock[2]) * 60 + int(clock[3] or 0)
    epoch = _EPOCH.search(line)
    return None if epoch is None else int(epoch[1]) % _DAY
