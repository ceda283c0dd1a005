"""Parse columns of numbers: decimal and thousands signs, currency signs, and the suffixes K, M and B."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mtstore.errors import BrokenFileError

if TYPE_CHECKING:
    import pyarrow as pa

    from mtstore.sources.custom.mapping.column_mapping import ColumnMapping

_FACTORS: Final = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9, "t": 1e12}
_UNDEFINED_PRICE: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Numbers:
    """float64 numbers, NaN without a value; `is_bad` marks texts that are not numbers."""

    values: np.ndarray
    is_bad: np.ndarray
    are_whole: bool = False


def read_numbers(column: pa.Array, name: str, mapping: ColumnMapping) -> Numbers:
    """Read a column of numbers of any type, or of text.

    Raises
    ------
    BrokenFileError
        The column has another type, such as times.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    none_bad = np.zeros(len(column), dtype=bool)
    if is_text_type(kind):
        texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
        is_null = pc.is_in(texts, value_set=pa.array(mapping.null_values, pa.string()))
        texts = pc.if_else(is_null, pa.scalar(None, pa.string()), texts)
        if mapping.decimal == "." and mapping.thousands is None:
            try:
                return Numbers(_floats(texts.cast(pa.float64())), none_bad, _are_digits(texts))
            except pa.ArrowInvalid:
                pass
        found = _read_signs(texts, mapping)
        return replace(found, are_whole=_are_digits(texts.filter(pa.array(~found.is_bad))))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        whole = pa.types.is_integer(kind)
        # Whole numbers too large to be exact as float64 are rounded, as those in text are.
        values = _floats(column.cast(pa.float64(), safe=False))
        return Numbers(values, none_bad, whole)
    raise BrokenFileError(f"column {name!r} holds {kind}, not numbers")


def scaled_prices(values: np.ndarray, scale: float | np.ndarray) -> np.ndarray:
    """Multiply prices by a factor; factors such as 0.0001 divide, which is exact to the last digit."""
    inverse = np.rint(1.0 / np.asarray(scale, dtype=np.float64))
    is_inverse = (np.asarray(scale) < 1) & (np.abs(inverse * scale - 1.0) < 1e-12)
    found: np.ndarray = np.where(is_inverse, values / np.where(inverse == 0, 1.0, inverse), values * scale)
    return found


def without_undefined(values: np.ndarray) -> np.ndarray:
    """Return fixed-point prices with NaN for Databento's undefined price."""
    return np.where(values >= float(_UNDEFINED_PRICE), np.nan, values)


def are_three_decimals(texts: pa.Array) -> bool:
    """Return whether every value, as far as there is one, has exactly three digits after a point."""
    import pyarrow.compute as pc

    return bool(pc.all(pc.match_substring_regex(texts, r"^\s*([+-]?\d+\.\d{3}\s*)?$"), min_count=0).as_py())


def is_text_type(kind: pa.DataType) -> bool:
    """Return whether a column holds text of any kind."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _floats(column: pa.Array) -> np.ndarray:
    values: np.ndarray = column.to_numpy(zero_copy_only=False)
    return values.astype(np.float64, copy=False)


def _are_digits(texts: pa.Array) -> bool:
    import pyarrow.compute as pc

    present = texts.drop_null()
    if not len(present) or not str(present[0]).removeprefix("-").isdigit():
        return False
    return bool(pc.all(pc.match_substring_regex(present, r"^-?\d+$")).as_py())


def _read_signs(texts: pa.Array, mapping: ColumnMapping) -> Numbers:
    decimal, thousands = re.escape(mapping.decimal), mapping.thousands
    whole = r"\d+" if thousands is None else rf"(?:\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+|\d+)"
    pattern = re.compile(
        rf"(?P<sign>[+\-−]?)\s*[$€£¥₿]?\s*(?P<number>(?:{whole})?(?:{decimal}\d*)?)(?P<power>[eE][+-]?\d+)?"
        r"\s*[$€£¥]?\s*(?P<suffix>[kKmMtTbB]?[nN]?)\Z"
    )
    values = np.full(len(texts), np.nan)
    is_bad = np.zeros(len(texts), dtype=bool)
    for at, text in enumerate(texts.to_pylist()):
        if text is None or text.lower() == "nan":
            continue
        match = pattern.match(text)
        number = _number(match, mapping) if match is not None else None
        if number is None:
            number = _infinity(text)
        if number is None:
            is_bad[at] = True
        else:
            values[at] = number
    return Numbers(values, is_bad)


def _number(match: re.Match[str], mapping: ColumnMapping) -> float | None:
    factor = _FACTORS.get(match["suffix"].lower())
    digits: Any = match["number"]
    if mapping.thousands is not None:
        digits = digits.replace(mapping.thousands, "")
    digits = digits.replace(mapping.decimal, ".")
    if factor is None or not any(one.isdigit() for one in digits):
        return None
    value = float(digits + (match["power"] or "")) * factor
    return -value if match["sign"] in ("-", "−") else value


def _infinity(text: str) -> float | None:
    word = text.lower().lstrip("+-")
    if word not in ("inf", "infinity"):
        return None
    return float("-inf") if text.startswith("-") else float("inf")
