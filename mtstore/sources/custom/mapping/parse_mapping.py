"""Build mappings from YAML files and from keys and values; the JSON schema of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mtstore.arguments import did_you_mean
from mtstore.errors import ConfigError
from mtstore.sources.custom.mapping.check_mapping import CHOICES
from mtstore.sources.custom.mapping.column_mapping import COLUMNS, KEYS, ColumnMapping

CHOOSE: Final = "CHOOSE"
"""The value of a key that `mtstore sniff` left open, because files do not show it."""

_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")


def read_mapping(path: Path | str, schema: str | None = None) -> ColumnMapping:
    """Read a mapping file (YAML); `schema` is for one that does not name its own.

    Raises
    ------
    ConfigError
        The file cannot be read, has an unknown key (all keys are listed) or a value that cannot be right.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    return read_mapping_text(content, str(path), schema)


def read_mapping_text(content: bytes, name: str, schema: str | None = None) -> ColumnMapping:
    """Read a mapping from the content of a YAML file, which errors call `name`; errors as `read_mapping`."""
    from mtstore.config.yaml_reader import YamlTextError, read_yaml

    try:
        document = read_yaml(content)
    except YamlTextError as error:
        raise ConfigError(f"{name}: no YAML: {error}") from error
    problems = [f"{'.'.join(map(str, place))}: {sentence}" for place, sentence in document.problems]
    try:
        if not problems:
            return parse_mapping(document.tree, schema)
    except ConfigError as error:
        problems = list(error.problems)
    raise ConfigError(f"{name}: {'; '.join(problems)}", tuple(problems))


def as_mapping(
    given: ColumnMapping | Mapping[str, Any] | Path | str | None, schema: str | None = None
) -> ColumnMapping | None:
    """Return a mapping as it is given in Python: itself, its keys and values, or the file that has them.

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
    problems = [
        f"{key}: unknown key{did_you_mean(key, KEYS)} (the keys are {', '.join(KEYS)})"
        for key in tree
        if key not in KEYS
    ]
    values: dict[str, Any] = {}
    for key, value in tree.items():
        if key not in KEYS:
            continue
        if value == CHOOSE:
            problems.append(f"{key}: it is not chosen yet, and the files do not show it: write a value")
            continue
        parse, wanted = _KINDS[KEYS[key].metadata["kind"]]
        try:
            values[key] = parse(value)
        except (TypeError, ValueError):
            problems.append(f"{key}: it takes {wanted}, got {value!r}")
    if problems:
        raise _refusal(problems)
    return ColumnMapping(**values)


def mapping_json_schema() -> dict[str, Any]:
    """Return the schema of mapping files, as JSON Schema 2020-12, for completion in editors."""
    properties = {}
    for name, key in KEYS.items():
        fragment = dict(_SCHEMAS[key.metadata["kind"]])
        if name in CHOICES:
            fragment = {"enum": list(CHOICES[name])}
        if key.default is not None and isinstance(key.default, str | int | float | tuple):
            default: Any = list(key.default) if isinstance(key.default, tuple) else key.default
            fragment |= {} if name == "schema" else {"default": default}
        properties[name] = fragment | {"description": key.metadata["meaning"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mtstore mapping",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return str(value)


def _texts(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return str(value)
    if not isinstance(value, Sequence) or not value:
        raise TypeError(value)
    return tuple(_text(one) for one in value)


def _text_list(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError(value)
    return tuple(_text(one) for one in value)


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(value)
    return int(value)


def _header(value: Any) -> int:
    word = str(value).lower()
    return int(word in _TRUE) if word in _TRUE + _FALSE else _number(value)


def _scale(value: Any) -> float | dict[str, float]:
    if isinstance(value, Mapping):
        return {_text(ticker): float(one) for ticker, one in value.items()}
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)


def _columns(value: Any) -> dict[str, str | tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise TypeError(value)
    return {_text(ours): _column(theirs) for ours, theirs in value.items()}


def _column(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    if not isinstance(value, Sequence) or not value:
        raise TypeError(value)
    return tuple(str(_column(one)) for one in value)


def _refusal(problems: list[str]) -> ConfigError:
    return ConfigError("; ".join(problems), tuple(problems))


_KINDS: Final[Mapping[str, tuple[Callable[[Any], Any], str]]] = {
    "text": (_text, "text"),
    "choice": (_text, "text"),
    "texts": (_texts, "text or a list of texts"),
    "text_list": (_text_list, "a list of texts"),
    "number": (_number, "a whole number"),
    "header": (_header, "true, false or the number of header lines"),
    "scale": (_scale, "a number, or numbers by ticker"),
    "columns": (_columns, "our names and theirs"),
}
_NAME: Final = {"type": ["string", "integer"]}
_SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    "text": {"type": "string"},
    "choice": {"type": "string"},
    "texts": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
    "text_list": {"type": "array", "items": {"type": "string"}},
    "number": {"type": "integer", "minimum": 0},
    "header": {"type": ["boolean", "integer"], "minimum": 0},
    "scale": {
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0},
            {"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0}},
        ]
    },
    "columns": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            ours: {"anyOf": [_NAME, {"type": "array", "items": _NAME}]} if ours in ("ts_event", "volume") else _NAME
            for ours in COLUMNS
        },
    },
}
