"""Describe what is wrong with a configuration: path, line, value, and the nearest valid word.

Values under `sources` are shown only where they cannot be a key or an address that contains one.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from mtstore.arguments import did_you_mean, nearest_word
from mtstore.config.choices import PROVIDERS
from mtstore.config.fields import Section
from mtstore.config.models import Config
from mtstore.config.sources import SOURCE_OF_PROVIDER
from mtstore.config.yaml_reader import Path

_WANTED: Final = {
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "mapping_type": "a mapping",
}
_NO_VALUE: Final = {"missing": "is missing", "string_too_short": "must not be empty"}
_LIMITS: Final = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
}
_LENGTHS: Final = {"too_short": "min_length", "too_long": "max_length"}
_SHOWN_IN_SOURCES: Final = frozenset(
    {
        *("provider", "client", "dataset", "schema", "stype_in"),
        *("requests_per_minute", "max_concurrency", "timeout_seconds", "max_cost_usd"),
    }
)
_SOURCE_OF_TAG: Final = {**SOURCE_OF_PROVIDER, "local": SOURCE_OF_PROVIDER["files"]}
_SIMPLE_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


def model_findings(error: ValidationError) -> Iterator[tuple[Path, str]]:
    """Yield path and sentence of each error of the models."""
    for detail in error.errors(include_url=False):
        path, value = _yaml_path(detail["loc"]), detail.get("input")
        if detail["type"] == "unknown_provider":
            yield from _unknown_provider(path, value)
        elif detail["type"] == "extra_forbidden" and path[:1] == ("sources",):
            yield path, _unknown_source_key(str(path[-1]), _SOURCE_OF_TAG[str(detail["loc"][2])])
        else:
            yield path, _sentence(detail["type"], path, value, detail.get("ctx", {}), detail["msg"])


def describe_problems(
    findings: Iterable[tuple[Path, str]], lines: Mapping[Path, int], *, is_inner: bool
) -> tuple[str, ...]:
    """Return the findings as `path (line n): sentence`, each once, in the order of the text.

    With `is_inner`, the text was the part below `multi_ticker`, and its paths start there.
    """
    skipped = 1 if is_inner else 0
    described: dict[str, int] = {}
    for path, sentence in findings:
        own = path[skipped:] if path[:skipped] == ("multi_ticker",) * skipped else path
        line = next((lines[own[:length]] for length in range(len(own), 0, -1) if own[:length] in lines), 0)
        place = f" (line {line})" if line else ""
        described.setdefault(f"{describe_path(own)}{place}: {sentence}", line)
    return tuple(sorted(described, key=lambda problem: described[problem]))


def describe_path(path: Path) -> str:
    """Return a path as text: `multi_ticker.tickers['BRK.B'].weight`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _SIMPLE_KEY.match(part):
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text or "the configuration"


def _yaml_path(location: tuple[int | str, ...]) -> Path:
    """Return the path in the YAML, without pydantic's marks for keys and union members."""
    path = tuple(part for part in location if part != "[key]")
    if path[:1] == ("sources",) and len(path) > 2:
        path = (*path[:2], *path[3:])
    return path


def _sentence(kind: str, path: Path, value: Any, context: Mapping[str, Any], message: str) -> str:
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "invalid_value":
        return _with_value(path, value, str(context["sentence"]))
    if kind == "literal_error":
        valid = re.findall(r"'([^']*)'", str(context["expected"]))
        hint = did_you_mean(value, valid) if _is_shown(path) else ""
        return _with_value(path, value, f"is not valid{hint} (valid: {', '.join(valid)})", joint=" ")
    if kind in _NO_VALUE:
        return _NO_VALUE[kind]
    if kind in _LIMITS:
        words, name = _LIMITS[kind]
        message = f"must be {words} {context[name]:g}"
    elif kind in _LENGTHS:
        message = f"must have {context[_LENGTHS[kind]]} items"
    elif kind in _WANTED:
        message = f"must be {_WANTED[kind]}"
    return _with_value(path, value, message)


def _unknown_provider(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if not isinstance(value, Mapping):
        yield path, "must be a mapping"
        return
    valid = f"(valid: {', '.join(PROVIDERS)})"
    found = value.get("provider")
    if found is None:
        yield (*path, "provider"), f"is missing {valid}"
    else:
        yield (*path, "provider"), f"{_short(found)} is not valid{did_you_mean(found, PROVIDERS)} {valid}"
        yield from _as_if_it_were(nearest_word(found, PROVIDERS), path, value)


def _as_if_it_were(provider: str | None, path: Path, value: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield what else is wrong with a source if its provider is the nearest valid one."""
    if provider is None:
        return
    section = SOURCE_OF_PROVIDER[provider]
    try:
        section.model_validate({**value, "provider": provider})
    except ValidationError as error:
        details = error.errors(include_url=False)
    else:
        return
    for detail in details:
        inner = (*path, *detail["loc"])
        if detail["type"] == "extra_forbidden":
            yield inner, _unknown_source_key(str(inner[-1]), section)
        else:
            yield inner, _sentence(detail["type"], inner, detail.get("input"), detail.get("ctx", {}), detail["msg"])


def _unknown_source_key(key: str, section: type[Section]) -> str:
    """Describe an unknown key of a source, and name the provider that has it."""
    valid = list(_fields(section))
    owners = [name for name, other in SOURCE_OF_PROVIDER.items() if key in _fields(other)]
    if owners:
        return f"unknown key here; only {' and '.join(owners)} sources have it (valid: {', '.join(valid)})"
    return f"unknown key{did_you_mean(key, valid)} (valid: {', '.join(valid)})"


def _with_value(path: Path, value: Any, sentence: str, *, joint: str = ": ") -> str:
    if not _is_shown(path):
        return sentence
    shown = f"a {type(value).__name__}" if isinstance(value, dict | list | Section) else _short(value)
    return sentence if isinstance(value, str) and shown in sentence else f"{shown}{joint}{sentence}"


def _short(value: Any) -> str:
    text = repr(str(value) if isinstance(value, str) else value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _is_shown(path: Path) -> bool:
    return path[:1] != ("sources",) or (len(path) > 2 and path[-1] in _SHOWN_IN_SOURCES) or len(path) == 2


def _unknown_key(path: Path) -> str:
    key = path[-1]
    valid = _keys_at(path[:-1])
    home = _home_of(str(key), path)
    if home is not None:
        return f"unknown key here; it belongs to {home}"
    return f"unknown key{did_you_mean(key, valid)} (valid: {', '.join(valid)})"


def _keys_at(path: Path) -> list[str]:
    """Return the keys of the section at `path`."""
    found: Any = Config
    for part in path:
        if isinstance(found, type) and issubclass(found, Section):
            field = _fields(found).get(str(part))
            found = field.annotation if field is not None else None
        elif typing.get_origin(found) is dict:
            found = typing.get_args(found)[1]
    return list(_fields(found)) if isinstance(found, type) and issubclass(found, Section) else []


def _fields(section: type[Section]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _home_of(key: str, path: Path) -> str | None:
    """Return the section that has `key`, if it was written in the wrong one."""
    homes: tuple[Path, ...] = (
        (),
        ("multi_ticker",),
        ("multi_ticker", "alignment"),
        ("multi_ticker", "cache"),
        ("multi_ticker", "validation"),
        ("ticker_config",),
        ("ticker_config", "defaults"),
    )
    for home in homes:
        if home != path[:-1] and key in _keys_at(home):
            return describe_path(home) if home else "the top level"
    return None
