"""Files of splits and of cash dividends: CSV with a header, or JSON like that of Polygon's reference API.

Columns of splits: ticker, execution_date, split_from, split_to (7-for-1: from 1 to 7). Columns of dividends: ticker,
ex_dividend_date, cash_amount; optional: currency, dividend_type. Both may have event_id. Other columns are ignored.
JSON is a response (`{"results": [...]}`), or its list alone; its `id` is the event_id. Polygon documents both under
`/v3/reference`.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

from mtstore.errors import BrokenFileError

Kind = Literal["splits", "dividends"]
Row = dict[str, Any]


def read_reference_file(path: str | Path, kind: Kind) -> list[Row]:
    """Read a file into rows of `core.splits` or `core.dividends` without `source` and `seen_at`.

    Raises
    ------
    BrokenFileError
        The file cannot be read, a column is missing, or a value is not valid; the error names the row.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenFileError(f"{path}: cannot be read: {error}") from error
    rows = _json_rows(path, text) if text.lstrip()[:1] in {"{", "["} else _csv_rows(path, text, kind)
    return [read_reference_row(row, place, kind) for place, row in rows]


def _csv_rows(path: Path, text: str, kind: Kind) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(text.splitlines(), strict=True)
    names = reader.fieldnames or ()
    missing = [name for name, (_, is_required) in _COLUMNS[kind].items() if is_required and name not in names]
    if missing:
        raise BrokenFileError(
            f"{path}: no column {', '.join(map(repr, missing))}; "
            f"{kind} have {', '.join(_COLUMNS[kind])}, the file has {', '.join(names) or 'no header line'}"
        )
    try:
        for row in reader:
            yield f"{path}, line {reader.line_num}", row
    except csv.Error as error:
        raise BrokenFileError(f"{path}, line {reader.line_num}: not CSV: {error}") from error


def _json_rows(path: Path, text: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise BrokenFileError(f"{path}: not JSON: {error}") from error
    rows = body.get("results") if isinstance(body, dict) else body
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BrokenFileError(f"{path}: the JSON needs a list 'results' of objects")
    if isinstance(body, dict) and body.get("next_url"):
        raise BrokenFileError(f"{path}: it has a next_url, so it is one page of several; join all pages in one file")
    return [(f"{path}, results[{number}]", with_event_id(row)) for number, row in enumerate(rows)]


def with_event_id(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row of Polygon's JSON with its `id` under the column's name."""
    return {"event_id": row.get("id"), **row}


def read_reference_row(row: Mapping[str, Any], place: str, kind: Kind) -> Row:
    """Convert the values of one row; a BrokenFileError names the place and the value that is not valid."""
    found: Row = {}
    for name, (read, is_required) in _COLUMNS[kind].items():
        value = row.get(name)
        if value is None or value == "":
            if is_required:
                raise BrokenFileError(f"{place}: {name!r} is missing")
            found[name] = None
            continue
        try:
            found[name] = read(value)
        except (TypeError, ValueError) as error:
            raise BrokenFileError(f"{place}: {name!r} is {value!r}; {_EXPECTED[read]}") from error
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(value)
    return value.strip()


def _id(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(value)


def _day(value: Any) -> date:
    return date.fromisoformat(value)


def _positive(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number) or number <= 0:
        raise ValueError(value)
    return number


_EXPECTED: Final[Mapping[Callable[[Any], Any], str]] = {
    _text: "use text",
    _id: "use text or a whole number",
    _day: "use a date such as 2024-06-10",
    _positive: "use a number above 0",
}
_COLUMNS: Final[Mapping[Kind, Mapping[str, tuple[Callable[[Any], Any], bool]]]] = {
    "splits": {
        "ticker": (_text, True),
        "execution_date": (_day, True),
        "split_from": (_positive, True),
        "split_to": (_positive, True),
        "event_id": (_id, False),
    },
    "dividends": {
        "ticker": (_text, True),
        "ex_dividend_date": (_day, True),
        "cash_amount": (_positive, True),
        "currency": (_text, False),
        "dividend_type": (_text, False),
        "event_id": (_id, False),
    },
}
