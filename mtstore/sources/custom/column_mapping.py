"""The mapping of custom parquet and CSV files, as in the file of `--map`.

    schema: ohlcv-1m            # width of the bars: ohlcv-<n><s|m|h|d>
    ticker: AAPL                # the ticker of all rows; else columns.ticker names a column
    tz: America/New_York        # zone of times without an offset, and of daily bars' days; default UTC
    stamp: open                 # whether a time is the bar's open (default) or close
    time_unit: ms               # for times that are numbers: ns, us, ms or s since 1970, UTC
    time_format: "%d.%m.%Y %H:%M"   # for text that is not ISO 8601
    delimiter: ";"              # CSV; a comma by default
    null_values: ["", "NA"]     # CSV; texts that mean "no value" among numbers; default: empty text
    columns:                    # our name: their name; default: the same name
      ts_event: time
      open: first
      volume: shares

ts_event, open, high, low, close and volume are required; vwap and transactions are optional.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from mtstore.arguments import did_you_mean
from mtstore.bars import VALUE_COLUMNS, is_daily, step_us
from mtstore.bounds import parse_zone
from mtstore.errors import ConfigError, InputError, UnsupportedSchemaError

Stamp = Literal["open", "close"]
TimeUnit = Literal["ns", "us", "ms", "s"]

OPTIONAL_COLUMNS = ("vwap", "transactions")
COLUMNS = ("ticker", "ts_event", *VALUE_COLUMNS)


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The mapping of custom files; the module's example explains each key.

    Attributes
    ----------
    schema
        `ohlcv-1m` …
    columns
        Our name to theirs, for those columns that are not called as ours are.
    ticker
        The ticker of all rows, or None: a column says.
    tz
        IANA zone of times without one, and of the days of daily bars.
    stamp
        Whether a time marks the open or the close of its bar.
    time_unit
        What numbers count since 1970, UTC.
    time_format
        `strptime` format of times that are text; None for ISO 8601.

    Raises
    ------
    ConfigError
        A value that cannot be right; `problems` lists all of them.
    """

    schema: str
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    ticker: str | None = None
    tz: str = "UTC"
    stamp: Stamp = "open"
    time_unit: TimeUnit | None = None
    time_format: str | None = None
    delimiter: str = ","
    null_values: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        problems = list(self._problems())
        if problems:
            raise ConfigError("; ".join(problems), tuple(problems))

    def theirs(self, ours: str) -> str:
        """What the files call our column."""
        return self.columns.get(ours, ours)

    @property
    def is_daily(self) -> bool:
        return is_daily(self.schema)

    @property
    def width_us(self) -> int:
        """The bars' width in microseconds."""
        return step_us(self.schema)

    def to_request(self) -> dict[str, Any]:
        """The mapping as plain values: two that read files in the same way are equal."""
        named = {ours: self.theirs(ours) for ours in COLUMNS if ours != "ticker" or self.ticker is None}
        plain = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "columns"}
        return plain | {"columns": named, "null_values": sorted(self.null_values)}

    def _problems(self) -> list[str]:
        found = []
        try:
            step_us(self.schema)
        except UnsupportedSchemaError as error:
            found.append(f"schema: {error}")
        try:
            parse_zone(self.tz)
        except InputError as error:
            found.append(f"tz: {error}")
        found += [
            f"columns.{ours}: no column of ours{did_you_mean(ours, COLUMNS)} (ours are {', '.join(COLUMNS)})"
            for ours in self.columns
            if ours not in COLUMNS
        ]
        theirs = list(self.columns.values())
        found += [
            f"columns: {name!r} is named twice" for name in sorted({one for one in theirs if theirs.count(one) > 1})
        ]
        if self.ticker is not None and "ticker" in self.columns:
            found.append("ticker: either one ticker for all rows, or columns.ticker, not both")
        if self.ticker == "":
            found.append("ticker: it is empty")
        for key, valid in (("stamp", get_args(Stamp)), ("time_unit", (None, *get_args(TimeUnit)))):
            value = getattr(self, key)
            if value not in valid:
                words = [word for word in valid if word]
                found.append(f"{key}: {value!r} is not one of {', '.join(words)}{did_you_mean(value, words)}")
        if self.time_unit is not None and self.time_format is not None:
            found.append("time_unit is for numbers and time_format for text: give one of them")
        if len(self.delimiter.encode()) != 1:
            found.append(f"delimiter: one character, got {self.delimiter!r}")
        return found


def read_mapping(path: Path | str, schema: str | None = None) -> ColumnMapping:
    """Read a mapping file (YAML); `schema` is for one that does not name its own.

    Raises
    ------
    ConfigError
        The file cannot be read, has an unknown key (the nearest valid one is named) or a value that cannot be right.
    """
    from mtstore.config.yaml_reader import YamlTextError, read_yaml

    path = Path(path)
    try:
        document = read_yaml(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except YamlTextError as error:
        raise ConfigError(f"{path}: no YAML: {error}") from error
    problems = [f"{'.'.join(map(str, place))}: {sentence}" for place, sentence in document.problems]
    try:
        if not problems:
            return parse_mapping(document.tree, schema)
    except ConfigError as error:
        problems = list(error.problems)
    raise ConfigError(f"{path}: {'; '.join(problems)}", tuple(problems))


def as_mapping(
    given: ColumnMapping | Mapping[str, Any] | Path | str | None, schema: str | None = None
) -> ColumnMapping | None:
    """A mapping as it is given in Python: itself, its keys and values, or the file that has them.

    `schema` is for keys and values that do not name one.
    """
    if given is None or isinstance(given, ColumnMapping):
        return given
    return read_mapping(given, schema) if isinstance(given, (Path, str)) else parse_mapping(given, schema)


def parse_mapping(tree: Any, schema: str | None = None) -> ColumnMapping:
    """Build a mapping from keys and values; `schema` is the default of theirs. Errors: as `ColumnMapping`."""
    if not isinstance(tree, Mapping):
        raise _refusal([f"a mapping is keys and values, like 'schema: ohlcv-1m', got {tree!r}"])
    if schema is not None:
        tree = {"schema": schema} | dict(tree)
    valid = [one.name for one in fields(ColumnMapping)]
    problems = [f"{key}: unknown key{did_you_mean(key, valid)}" for key in tree if key not in valid]
    if "schema" not in tree:
        problems.append("schema: it is missing (ohlcv-1m, ohlcv-1d, …)")
    values: dict[str, Any] = {}
    for key in valid:
        if key not in tree:
            continue
        value = tree[key]
        if key == "columns":
            is_right = isinstance(value, Mapping) and all(isinstance(name, str) for name in value.values())
            wanted = "our names and theirs"
        elif key == "null_values":
            is_right = _is_texts(value)
            wanted = "a list of texts"
            value = tuple(value) if is_right else value
        else:
            is_right, wanted = isinstance(value, str), "text"
        if not is_right:
            problems.append(f"{key}: it takes {wanted}, got {value!r}")
        values[key] = dict(value) if key == "columns" and is_right else value
    if problems:
        raise _refusal(problems)
    return ColumnMapping(**values)


def _is_texts(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(one, str) for one in value)


def _refusal(problems: list[str]) -> ConfigError:
    return ConfigError("; ".join(problems), tuple(problems))
