"""The mapping of custom parquet and CSV files, as in the file of `--map`; `example` has one with every key.

Every key stands below as a field of `ColumnMapping` with its meaning; a key that is absent keeps its default. `KEYS`,
the JSON schema and the table in docs/own_data.md are made of the same texts.
"""

# ruff: noqa: RUF009 - `_key` only builds a field.
from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import tzinfo
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from mtstore.bars import VALUE_COLUMNS, is_daily, step_us
from mtstore.errors import ConfigError
from mtstore.sources.custom.mapping.zones import day_zone, parse_mapping_zone

Stamp = Literal["open", "close"]
TimeUnit = Literal["ns", "us", "ms", "s", "auto"]
TickerCase = Literal["keep", "upper", "lower"]
Ambiguous = Literal["infer", "first", "last", "quarantine", "raise"]
Nonexistent = Literal["shift", "quarantine", "raise"]
VolumeRule = Literal["required", "optional", "none"]
Names: TypeAlias = tuple[str, ...]
"""Their names for one column of ours; several are joined (ts_event) or added (volume)."""

OPTIONAL_COLUMNS: Final = ("volume", "vwap", "transactions")
FILE_COLUMNS: Final = ("tz", "width", "publisher_id")
"""Columns that decide how rows are read and are not stored."""
COLUMNS: Final = ("ticker", "ts_event", *VALUE_COLUMNS, *FILE_COLUMNS)
ANY_OF: Final = "|"


def _key(default: Any, kind: str, meaning: str) -> Any:
    """A key of mappings: its default, the kind of its value (see parse_mapping) and its meaning."""
    return field(default=default, metadata={"kind": kind, "meaning": meaning})


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The mapping of custom files.

    Raises
    ------
    ConfigError
        A value is not valid; `problems` lists all of them.
    """

    schema: str = _key(
        "", "text", "width of the bars, `ohlcv-<n><s|m|h|d>`; by default that of `ticker_from` or `columns.width`"
    )
    columns: Mapping[str, str | Names] = field(
        default_factory=dict,
        hash=False,
        metadata={
            "kind": "columns",
            "meaning": "our name: their name, or the number of the column, counted from 1. Ours: `ticker`, `ts_event`, "
            "`open`, `high`, `low`, `close`, `volume`, `vwap`, `transactions`; `tz` (a zone per row), `width` (`5`, "
            "`M1`, `1D`) and `publisher_id` (venues of one bar, which are aggregated). A list is joined by a blank "
            "(`ts_event: [Date, Time]`) or added (`volume: [Up, Down]`). `A|B` is the first of two that is present; of "
            "volumes, the first that is not empty or 0 throughout. By default a column has our name, in any case, "
            "without regard to outer "
            "blanks and angle brackets",
        },
    )
    ticker: str | None = _key(None, "text", "the ticker of all rows; without it `columns.ticker` or `ticker_from`")
    tz: str | None = _key(
        None,
        "text",
        "zone of times without one, and of the days of daily bars: an IANA name, or a fixed offset such as `-05:00`; "
        "by default UTC",
    )
    stamp: Stamp = _key("open", "choice", "whether a time is the bar's open or its close")
    time_unit: TimeUnit | None = _key(
        None,
        "choice",
        "what numeric times count since 1970, UTC (with a date in the file's name: since its midnight in `tz`); `auto` "
        "takes the unit from the number of digits",
    )
    time_format: str | Names | None = _key(
        None,
        "texts",
        "`strptime` format of times that are not ISO 8601, or a list of formats; `%Z` takes zone words (`US/Eastern`, "
        "`EST`)",
    )
    delimiter: str = _key(",", "text", "delimiter of text files, one character")
    null_values: Names = _key(
        ("",), "text_list", 'texts that mean "no value" among numbers; a row without any value is skipped'
    )
    ticker_from: str | None = _key(
        None,
        "text",
        "take the ticker from the path: `file` (name without suffixes), `folder` (`ticker=AAPL` is AAPL), or a regular "
        "expression that is searched in the path, with the groups `(?P<ticker>…)`, `(?P<width>…)`, `(?P<date>…)`",
    )
    ticker_case: TickerCase = _key("keep", "choice", "whether tickers change to upper or lower case")
    ambiguous: Ambiguous = _key(
        "infer",
        "choice",
        "local times that occur twice when clocks go back: `infer` from the order of rows (else the row is quarantined)"
        ", `first`, `last`, `quarantine`, or `raise` (the file is rejected)",
    )
    nonexistent: Nonexistent = _key(
        "quarantine",
        "choice",
        "local times that clocks skip: `shift` by the change of the clock, `quarantine`, or `raise`",
    )
    volume: VolumeRule = _key(
        "required",
        "choice",
        "`required`: a row without volume is quarantined, unless the file has no such column; `optional`: it is stored "
        "as NULL; `none`: there is no volume",
    )
    price_scale: float | Mapping[str, float] | None = field(
        default=None,
        hash=False,
        metadata={
            "kind": "scale",
            "meaning": "factor of prices and vwap, such as 0.0001, or one per ticker (`{ES: 0.01}`); by default 1, and "
            "1e-9 for whole numbers in Databento's columns",
        },
    )
    decimal: str = _key(".", "text", "decimal sign")
    thousands: str | None = _key(None, "text", "thousands sign")
    header: int = _key(
        1,
        "header",
        "whether the first line has the columns' names (`true`, `false`), or the number of header lines; a header line "
        "that begins with `Ticker` names the ticker of each column",
    )
    skip_lines: int = _key(0, "number", "lines to skip before the header")
    footer_lines: int = _key(0, "number", "lines to skip at the end")
    comment: str | None = _key(None, "text", "lines that begin with this text are skipped")
    encoding: str | None = _key(
        None, "text", "encoding of text files, such as `latin-1`; by default UTF-8, or the one of the byte-order mark"
    )

    def __post_init__(self) -> None:
        from mtstore.sources.custom.mapping.check_mapping import mapping_problems

        columns: dict[str, Any] = dict(self.columns)
        columns = {ours: str(theirs) if isinstance(theirs, int) else theirs for ours, theirs in columns.items()}
        scale = self.price_scale
        for name, value in (
            ("columns", MappingProxyType(columns)),
            ("header", int(self.header)),
            ("null_values", tuple(self.null_values)),
            ("price_scale", MappingProxyType(dict(scale)) if isinstance(scale, Mapping) else scale),
        ):
            object.__setattr__(self, name, value)
        problems = mapping_problems(self)
        if problems:
            raise ConfigError("; ".join(problems), tuple(problems))

    def theirs(self, ours: str) -> str:
        """Return the files' name of our column, as text for messages."""
        names = self.columns.get(ours, ours)
        return names if isinstance(names, str) else " ".join(names)

    @property
    def time_formats(self) -> Names:
        """The formats of times that are text; empty for ISO 8601."""
        style = self.time_format
        return () if style is None else (style,) if isinstance(style, str) else tuple(style)

    @property
    def zone_name(self) -> str:
        """The name of the zone of times without one; UTC if `tz` does not say."""
        return self.tz or "UTC"

    @property
    def zone(self) -> tzinfo:
        return parse_mapping_zone(self.zone_name)

    @property
    def day_tz(self) -> str:
        """IANA zone whose midnights are stored as the opens of daily bars."""
        return day_zone(self.zone_name)

    @property
    def is_daily(self) -> bool:
        return is_daily(self.schema)

    @property
    def width_us(self) -> int:
        """The bars' width in microseconds."""
        return step_us(self.schema)

    def to_tree(self) -> dict[str, Any]:
        """Return the keys that are not at their default as plain values, as a mapping file has them."""
        tree = {name: getattr(self, name) for name, key in KEYS.items() if getattr(self, name) != key.default}
        plain = {name: dict(value) if isinstance(value, Mapping) else value for name, value in tree.items()}
        found: dict[str, Any] = json.loads(json.dumps(plain))
        return found

    def to_request(self) -> dict[str, Any]:
        """Return the mapping as plain values; two that read files in the same way are equal.

        Keys that came after the first release are included only if they differ from their default, so that files that
        were ingested by it are recognised.
        """
        named = {
            ours: self.columns.get(ours, ours)
            for ours in COLUMNS
            if ours in self.columns or not (ours in FILE_COLUMNS or (ours == "ticker" and self.ticker is not None))
        }
        plain = {
            one.name: getattr(self, one.name)
            for one in fields(self)
            if one.name != "columns" and (one.name in _FIRST_KEYS or getattr(self, one.name) != one.default)
        }
        if isinstance(self.price_scale, Mapping):
            plain["price_scale"] = dict(self.price_scale)
        plain |= {"tz": self.zone_name, "columns": named, "null_values": sorted(self.null_values)}
        found: dict[str, Any] = json.loads(json.dumps(plain))
        return found


_FIRST_KEYS: Final = ("schema", "ticker", "tz", "stamp", "time_unit", "time_format", "delimiter", "null_values")
KEYS: Final = {one.name: one for one in sorted(fields(ColumnMapping), key=lambda one: one.name == "columns")}
