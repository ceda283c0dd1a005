"""Find out how a text file is divided: delimiter, signs of numbers, header and lines to skip."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Final

from mtstore.errors import BrokenFileError
from mtstore.ingest.sniff.draft import Draft
from mtstore.ingest.sniff.guess_times import guess_times, is_clock
from mtstore.ingest.sniff.text_head import Head, Sample, is_number

_DELIMITERS: Final = ",;\t|"
_NAMES: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_FEWEST_COLUMNS: Final = 3
_MOST_SKIPPED: Final = 60
_NOTHING: Final = frozenset(("", "null", "na", "n/a", "nan", "none", "-", "--"))
_GROUPED_DOT: Final = re.compile(r"-?\d{1,3}(?:\.\d{3})+(?:,\d+)?\Z")
_GROUPED_COMMA: Final = re.compile(r"[-$€£]?\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z")


def read_dialect(path: Path, head: Head, draft: Draft) -> Sample:
    """Set the keys of a text file's form in `draft`, and return its first rows.

    Raises
    ------
    BrokenFileError
        The text is not a table.
    """
    delimiter, rows = _divide(path, head.lines)
    width = Counter(len(row) for row in rows if len(row) >= _FEWEST_COLUMNS).most_common(1)[0][0]
    at = next(at for at, row in enumerate(rows) if len(row) == width)
    draft.set("delimiter", delimiter, f"{width} columns, divided by {_NAMES[delimiter]}")
    if head.encoding is not None:
        draft.set("encoding", head.encoding, "the text is not UTF-8", doubt="other 8-bit encodings fit as well")
    _skip(head.lines, at, draft)
    table = [row for row in rows[at:] if len(row) == width]
    has_header = _is_header(table)
    draft.set("header", has_header, "line 1 has names" if has_header else "line 1 has values: columns have numbers")
    if not has_header:
        names = [str(number) for number in range(1, width + 1)]
    else:
        names, table = table[0], table[1:]
    if not table:
        raise BrokenFileError(f"{path}: the file has a header line but no rows")
    if head.is_whole:
        _footer(rows, width, draft)
    sample = Sample(names, table, has_header=has_header)
    _signs(sample, delimiter, draft)
    _nulls(sample, draft)
    return sample


def _looks_like_value(text: str) -> bool:
    """Return whether a cell is a number or a time."""
    text = text.strip()
    return is_number(text) or is_clock([text]) or guess_times([text]) is not None


def _divide(path: Path, lines: list[str]) -> tuple[str, list[list[str]]]:
    best: tuple[float, str, list[list[str]]] | None = None
    for delimiter in _DELIMITERS:
        rows = list(csv.reader(lines, delimiter=delimiter))
        counts = Counter(len(row) for row in rows if row)
        wide = {width: count for width, count in counts.items() if width >= _FEWEST_COLUMNS}
        if not wide:
            continue
        width, count = max(wide.items(), key=lambda one: (one[1], one[0]))
        # Half of the lines with one number of columns is a table; more columns are better evidence.
        score = count / sum(counts.values()) + width / 1_000
        cells = next(row for row in reversed(rows) if len(row) == width)
        score += sum(_looks_like_value(cell) for cell in cells) / width
        if count * 2 >= sum(counts.values()) and (best is None or score > best[0]):
            best = score, delimiter, rows
    if best is None or best[0] < 1:
        raise BrokenFileError(f"{path}: the text is not a table of bars; its first line is {lines[0][:60]!r}")
    return best[1], best[2]


def _is_header(table: list[list[str]]) -> bool:
    values = sum(_looks_like_value(cell) for cell in table[0])
    return values * 2 < len([cell for cell in table[0] if cell.strip()])


def _skip(lines: list[str], at: int, draft: Draft) -> None:
    """Set the lines before the table; csv rows and lines are the same there."""
    if not at:
        return
    before = [line for line in lines[:at] if line.strip()]
    sign = before[0].lstrip()[:1] if before else ""
    if sign in ("#", "%", "!") and all(line.lstrip().startswith(sign) for line in before):
        draft.set("comment", sign, f"{len(before)} lines before the table begin with it")
    else:
        draft.set("skip_lines", at, f"the table begins in line {at + 1}; line 1 is {lines[0][:40]!r}")


def _footer(rows: list[list[str]], width: int, draft: Draft) -> None:
    count = 0
    for row in reversed(rows):
        if len(row) == width:
            break
        count += 1
    if 0 < count <= _MOST_SKIPPED:
        draft.set("footer_lines", count, f"the last lines do not have {width} columns")


def _signs(sample: Sample, delimiter: str, draft: Draft) -> None:
    places = range(len(sample.names))
    numbers = [
        text
        for place in places
        for text in sample.column(place)[:200]
        if is_number(text) and guess_times([text]) is None
    ]
    with_comma = [text for text in numbers if "," in text]
    with_dot = [text for text in numbers if "." in text]
    grouped_dot = [text for text in with_dot if _GROUPED_DOT.match(text)]
    if with_comma and with_dot and len(grouped_dot) == len(with_dot) and not all(map(_GROUPED_COMMA.match, with_comma)):
        draft.set("decimal", ",", f"as in {with_comma[0]}")
        draft.set("thousands", ".", f"as in {with_dot[0]}")
    elif with_comma and all(map(_GROUPED_COMMA.match, with_comma)):
        if with_dot or any(text.count(",") > 1 for text in with_comma):
            draft.set("thousands", ",", f"as in {with_comma[0]}")
        else:
            draft.choose(
                "thousands",
                [","],
                f'{with_comma[0]} fits both: write "," for {with_comma[0].replace(",", "")}, or delete this line and '
                f'write decimal: "," for {with_comma[0].replace(",", ".")}',
            )
    elif with_comma:
        draft.set("decimal", ",", f"as in {with_comma[0]}")
    elif delimiter == ";" and with_dot and len(grouped_dot) == len(numbers):
        draft.choose(
            "thousands",
            ["'"],
            f'three digits after every dot: for {with_dot[0]} = {with_dot[0].replace(".", "")} write "." '
            f'and decimal: ",", for {with_dot[0]} delete this line',
        )
    if not with_comma and not draft.choices and any("'" in text for text in numbers):
        draft.set("thousands", "'", f"as in {next(text for text in numbers if chr(39) in text)}")


def _nulls(sample: Sample, draft: Draft) -> None:
    words = sorted({
        cell.strip() for row in sample.rows for cell in row if cell.strip() and cell.strip().lower() in _NOTHING
    })  # fmt: skip
    if words:
        draft.set("null_values", ["", *words], "these texts stand among the numbers")
