"""Find the values of a mapping that cannot be right."""

from __future__ import annotations

import codecs
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, get_args

from mtstore.arguments import did_you_mean
from mtstore.bars import PRICE_COLUMNS, step_us
from mtstore.errors import InputError, UnsupportedSchemaError
from mtstore.sources.custom.mapping import column_mapping as model
from mtstore.sources.custom.mapping.file_name import GROUPS
from mtstore.sources.custom.mapping.time_format import format_problems
from mtstore.sources.custom.mapping.zones import parse_mapping_zone

if TYPE_CHECKING:
    from mtstore.sources.custom.mapping.column_mapping import ColumnMapping

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "stamp": get_args(model.Stamp),
    "time_unit": get_args(model.TimeUnit),
    "ticker_case": get_args(model.TickerCase),
    "ambiguous": get_args(model.Ambiguous),
    "nonexistent": get_args(model.Nonexistent),
    "volume": get_args(model.VolumeRule),
}
_LISTS: Final = ("ts_event", "volume")


def mapping_problems(mapping: ColumnMapping) -> list[str]:
    """Return one sentence per problem, each beginning with its key."""
    return [
        *_schema(mapping),
        *_columns(mapping),
        *_ticker(mapping),
        *_words(mapping),
        *_times(mapping),
        *_text(mapping),
    ]


def _schema(mapping: ColumnMapping) -> Iterator[str]:
    if mapping.schema:
        try:
            step_us(mapping.schema)
        except UnsupportedSchemaError as error:
            yield f"schema: {error}"
    elif "width" not in mapping.columns and "(?P<width>" not in (mapping.ticker_from or ""):
        yield "schema: it is missing (ohlcv-1m, ohlcv-1d, …)"


def _columns(mapping: ColumnMapping) -> Iterator[str]:
    for ours, theirs in mapping.columns.items():
        if ours not in model.COLUMNS:
            yield (
                f"columns.{ours}: no column of ours{did_you_mean(ours, model.COLUMNS)} "
                f"(ours are {', '.join(model.COLUMNS)})"
            )
        elif isinstance(theirs, tuple) and ours not in _LISTS:
            yield f"columns.{ours}: it takes one name; only {' and '.join(_LISTS)} take a list"
        elif not theirs or not all(theirs):
            yield f"columns.{ours}: it is empty"
    # One column may be all four prices (net asset values), but otherwise a name that occurs twice is a mistake.
    prices = {mapping.columns.get(ours) for ours in PRICE_COLUMNS}
    named = [theirs for ours, theirs in mapping.columns.items() if len(prices) > 1 or ours not in PRICE_COLUMNS[1:]]
    counts = Counter(name for theirs in named for name in ([theirs] if isinstance(theirs, str) else theirs))
    yield from (f"columns: {name!r} is named twice" for name, count in sorted(counts.items()) if count > 1)


def _ticker(mapping: ColumnMapping) -> Iterator[str]:
    given = [mapping.ticker is not None, "ticker" in mapping.columns]
    if all(given):
        yield "ticker: either one ticker for all rows, or columns.ticker, not both"
    if mapping.ticker == "":
        yield "ticker: it is empty"
    rule = mapping.ticker_from
    if rule is None:
        return
    if rule in ("file", "folder"):
        if any(given):
            yield f"ticker_from: {rule!r} beside ticker or columns.ticker; give only one"
        return
    try:
        groups = re.compile(rule).groupindex
    except re.error as error:
        yield f"ticker_from: was {rule!r}; use file, folder or a regular expression ({error})"
        return
    unknown = sorted(set(groups) - set(GROUPS))
    if unknown or not groups:
        what = f"the group {unknown[0]!r}" if unknown else "no named group"
        valid = ", ".join(f"(?P<{one}>…)" for one in GROUPS)
        yield f"ticker_from: {rule!r} has {what}; use file, folder, or the groups {valid}"
    elif "ticker" in groups and any(given):
        yield "ticker_from: its group 'ticker' beside ticker or columns.ticker; give only one"


def _words(mapping: ColumnMapping) -> Iterator[str]:
    for key, valid in CHOICES.items():
        value = getattr(mapping, key)
        if value is not None and value not in valid:
            yield f"{key}: {value!r} is not one of {', '.join(valid)}{did_you_mean(value, valid)}"
    try:
        parse_mapping_zone(mapping.zone_name)
    except InputError as error:
        yield f"tz: {error}"


def _times(mapping: ColumnMapping) -> Iterator[str]:
    if mapping.time_unit is not None and mapping.time_format is not None:
        yield "time_unit is for numbers and time_format for text: give one of them"
    has_date = "(?P<date>" in (mapping.ticker_from or "")
    for style in mapping.time_formats:
        yield from (f"time_format: {problem}" for problem in format_problems(style, has_date=has_date))


def _text(mapping: ColumnMapping) -> Iterator[str]:
    if len(mapping.delimiter.encode()) != 1:
        yield f"delimiter: one character, got {mapping.delimiter!r}"
    for key in ("decimal", "thousands"):
        value = getattr(mapping, key)
        if value is not None and (len(value) != 1 or value.isalnum()):
            yield f"{key}: one character that is not a letter or digit, got {value!r}"
    if mapping.decimal == mapping.thousands:
        yield f"thousands: {mapping.thousands!r} is the decimal sign, too"
    for key in ("skip_lines", "footer_lines", "header"):
        if getattr(mapping, key) < 0:
            yield f"{key}: zero or more, got {getattr(mapping, key)}"
    if mapping.comment == "":
        yield "comment: it is empty"
    scales: Any = mapping.price_scale
    for value in scales.values() if isinstance(scales, Mapping) else [1 if scales is None else scales]:
        if not (math.isfinite(value) and value > 0):
            yield f"price_scale: a number above 0, got {value!r}"
    if mapping.encoding is not None:
        try:
            codecs.lookup(mapping.encoding)
        except LookupError:
            yield f"encoding: {mapping.encoding!r} is not known; use utf-8, utf-16, latin-1, cp1252, …"
