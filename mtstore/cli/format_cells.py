"""Format the columns of a result as text and JSON: times, infinities and nested values alike in all formats.

Instants are ISO 8601 with their offset (`2023-01-03T14:30:00+00:00`), fractions of a second only if not zero.
"""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

_INT32_MAX: Final = 2**31 - 1
_INT64_MAX: Final = 2**63 - 1


def to_csv_column(column: pa.Array) -> pa.Array:
    """Return a column as a type that Arrow's CSV writer formats correctly."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return instants_as_text(column)
    if pa.types.is_date32(column.type) and _has_infinities(column):
        return dates_as_text(column)
    if pa.types.is_time(column.type):
        return _without_zeros(column.cast(pa.string()))
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if pa.types.is_binary(column.type) or pa.types.is_nested(column.type) or pa.types.is_interval(column.type):
        return pa.array([None if value is None else _nested_text(value) for value in column.to_pylist()], pa.string())
    return column


def to_json_values(column: pa.Array) -> list[Any]:
    """Return the values of a column for `json.dumps`; NaN and infinities, which JSON does not have, are null."""
    return [_json_value(value) for value in _times_as_text(column).to_pylist()]


def to_table_cells(column: pa.Array) -> list[str]:
    """Return the values of a column as table cells: NULL for missing ones, control characters escaped."""
    return [_cell(value) for value in _times_as_text(column).to_pylist()]


def is_numeric(kind: pa.DataType) -> bool:
    """Return whether a column of this type is right-aligned in a table."""
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _times_as_text(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return instants_as_text(column)
    return dates_as_text(column) if pa.types.is_date32(column.type) else column


def instants_as_text(column: pa.Array) -> pa.Array:
    """Return timestamps as ISO 8601 text, with the offset if they have a zone; infinities in DuckDB's spelling."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_aware = column.type.tz is not None
    text = pc.strftime(column, format="%Y-%m-%dT%H:%M:%S%z" if is_aware else "%Y-%m-%dT%H:%M:%S")
    text = pc.replace_substring_regex(text, r"([+-]\d\d)(\d\d)$", r"\1:\2") if is_aware else text
    text = _without_zeros(text)
    # DuckDB's infinities are the ends of the integer range, which have no date.
    raw = column.cast(pa.int64())
    text = pc.if_else(pc.equal(raw, _INT64_MAX), "infinity", text)
    return pc.if_else(pc.equal(raw, -_INT64_MAX), "-infinity", text)


def dates_as_text(column: pa.Array) -> pa.Array:
    """Return dates as ISO 8601 text, also beyond Python's years; infinities in DuckDB's spelling."""
    import pyarrow as pa
    import pyarrow.compute as pc

    raw, text = column.cast(pa.int32()), column.cast(pa.string())
    text = pc.if_else(pc.equal(raw, _INT32_MAX), "infinity", text)
    return pc.if_else(pc.equal(raw, -_INT32_MAX), "-infinity", text)


def _has_infinities(column: pa.Array) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    return bool(pc.any(pc.equal(pc.abs(column.cast(pa.int32())), _INT32_MAX)).as_py())


def _without_zeros(text: pa.Array) -> pa.Array:
    """Remove trailing zeros of fractions of a second."""
    import pyarrow.compute as pc

    text = pc.replace_substring_regex(text, r"(\.\d*?)0+($|[+-])", r"\1\2")
    return pc.replace_substring_regex(text, r"\.($|[+-])", r"\1")


def _nested_text(value: Any) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, list | dict):
        return json.dumps(_json_value(value), ensure_ascii=False)
    return str(_json_value(value))


def _json_value(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    formatters: dict[type, Callable[[Any], Any]] = {
        datetime: datetime.isoformat,
        date: date.isoformat,
        time: time.isoformat,
        Decimal: _number,
        bytes: lambda raw: b64encode(raw).decode(),
        tuple: _pair_or_interval,
    }
    for kind, format_value in formatters.items():
        if isinstance(value, kind):
            return format_value(value)
    return str(value)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _pair_or_interval(value: tuple[Any, ...]) -> Any:
    """Return an entry of a map as a pair; an interval, a named tuple of Arrow, as text."""
    return _interval(*value) if hasattr(value, "nanoseconds") else [_json_value(item) for item in value]


def _interval(months: int, days: int, nanoseconds: int) -> str:
    """Return an interval in DuckDB's spelling: `00:10:00`, `1 year 2 months 3 days 04:05:06.5`."""
    years, months = (abs(months) // 12 * (1 if months > 0 else -1), abs(months) % 12 * (1 if months > 0 else -1))
    named = [(years, "year"), (months, "month"), (days, "day")]
    parts = [f"{number} {unit}{'' if number in (1, -1) else 's'}" for number, unit in named if number]
    seconds, microseconds = divmod(abs(nanoseconds) // 1_000, 1_000_000)
    if seconds or microseconds or not parts:
        fraction = f".{microseconds:06}".rstrip("0").rstrip(".")
        clock = f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"
        parts.append(f"-{clock}" if nanoseconds < 0 else clock)
    return " ".join(parts)


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        return str(value)
    text = value if isinstance(value, str) else _nested_text(value)
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
