"""The base of the configuration's models: a strict section, and field types that check one value each.

Messages say what is valid and omit the value; `error_messages` adds it where it cannot be a secret.
"""

from __future__ import annotations

import json
import os
import re
import types
import typing
from collections.abc import Mapping
from datetime import date, time
from typing import Annotated, Any, Final, Literal, Union

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator
from pydantic_core import PydanticCustomError

from mtstore.arguments import size_bytes, ticker_name
from mtstore.bounds import parse_zone
from mtstore.config.yaml_reader import Plain, resolve_plain, to_json
from mtstore.custom_calendars import WEEKDAYS
from mtstore.errors import InputError, TickerError
from mtstore.intervals import parse_duration, parse_interval

_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?\Z")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_MEMORY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(%|[KMGT]i?B)\Z", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SOURCE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_MEMORY_WORDS: Final = "a memory limit is a size like '8GB', or a share of the free memory like '60%'"

KEYS_ARE_TEXT: Final = "plain YAML reads ON, NO, TRUE and 001 as booleans and numbers; quote it"


class Section(BaseModel):
    """A mapping of the configuration: no unknown keys, no silent conversions, immutable.

    Unquoted YAML scalars become null, a boolean or a number where the field takes one. An empty section
    has all defaults.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        populate_by_name=True,
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _read_plain_values(cls, value: Any) -> Any:
        if is_null(value):
            return {}
        if not isinstance(value, Mapping):
            return value
        kinds = {field.alias or name: _kinds(field.annotation) for name, field in cls.model_fields.items()}
        return {key: _read(item, kinds.get(key, frozenset())) for key, item in value.items()}


def is_null(value: Any) -> bool:
    """Return whether a value is null, in Python or in YAML's spelling."""
    if isinstance(value, Plain):
        return resolve_plain(value, null=True, boolean=False, number=False) is None
    return value is None


def _read(value: Any, kinds: frozenset[Any]) -> Any:
    if is_null(value) and (dict in kinds or any(_is_section(kind) for kind in kinds)):
        return {}
    if Any in kinds:
        return to_json(value)
    if isinstance(value, Plain):
        number = bool(kinds & {int, float})
        return resolve_plain(value, null=type(None) in kinds, boolean=bool in kinds, number=number)
    if isinstance(value, list | tuple):
        return [str(item) if isinstance(item, Plain) else item for item in value]
    return value


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _kinds(annotation: Any) -> frozenset[Any]:
    """Return the plain types that an annotation accepts; `dict`, and `Any` for free values."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _kinds(typing.get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return frozenset().union(*map(_kinds, typing.get_args(annotation)))
    if origin is Literal:
        return frozenset({str})
    if origin is dict:
        return frozenset({dict}) | (_kinds(typing.get_args(annotation)[1]) & {Any})
    return frozenset({annotation})


def invalid(sentence: str) -> PydanticCustomError:
    """Return the error for a value; the sentence says what is valid and does not contain the value."""
    # The sentence is a value of the template, because braces in it would be read as placeholders.
    return PydanticCustomError("invalid_value", "{sentence}", {"sentence": sentence})


def with_variables(value: Any) -> Any:
    """Replace each `${NAME}` in a text by the environment's value; return anything else unchanged."""
    if not isinstance(value, str):
        return value

    def given(matched: re.Match[str]) -> str:
        if matched[1] not in os.environ:
            raise invalid(f"the environment variable {matched[1]} is not set")
        return os.environ[matched[1]]

    return _VARIABLE.sub(given, value)


PlacePath = Annotated[str, Field(min_length=1), BeforeValidator(with_variables)]
"""A path; `${NAME}` in it is an environment variable."""


def _clock(value: Any) -> Any:
    if isinstance(value, time) and value.tzinfo is None:
        value = value.isoformat()
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_440:
        written = f"{value // 60:02d}:{value % 60:02d}"
        raise invalid(f"plain YAML reads {written} as this number; write '{written}', in quotes")
    matched = _CLOCK.match(value) if isinstance(value, str) else None
    if matched is None:
        raise invalid("a time of day is written HH:MM or HH:MM:SS, like '09:30'")
    hours, minutes, seconds = matched.groups()
    return f"{int(hours):02d}:{minutes}" + (f":{seconds}" if seconds and seconds != "00" else "")


def _date(value: Any) -> Any:
    if isinstance(value, str) and _DATE.match(value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise invalid(f"no such date: {error}") from None
    if type(value) is not date:
        raise invalid("a date is written YYYY-MM-DD, like '2023-01-31'")
    return value


def _zone(value: str) -> str:
    try:
        return parse_zone(value).key
    except InputError as error:
        raise invalid(str(error)) from None


def _interval(value: str) -> str:
    try:
        return parse_interval(value).text
    except InputError as error:
        raise invalid(str(error)) from None


def _duration(value: str) -> str:
    try:
        parse_duration(value)
    except InputError as error:
        raise invalid(str(error)) from None
    return value


def _source_name(value: str) -> str:
    if not _SOURCE_NAME.match(value):
        raise invalid(
            "a source's name is lower-case letters, digits, '.', '_' and '-', like 'polygon' or 'databento-xnas.itch'"
        )
    return value


def _weekday(value: str) -> str:
    day = value.lower()[:3]
    if day not in WEEKDAYS:
        raise invalid(f"a weekday is one of {', '.join(WEEKDAYS)}")
    return day


def _ticker(text: str) -> str:
    try:
        return ticker_name(text)
    except TickerError:
        raise invalid("a ticker is not empty and has no control characters or outer blanks") from None


def _json_object(value: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise invalid(f"metadata must be representable as JSON: {error}") from None
    return value


def _memory(value: str) -> str:
    try:
        memory_bytes(value, free_bytes=1)
    except InputError:
        raise invalid(_MEMORY_WORDS) from None
    return value


def memory_bytes(limit: str, free_bytes: int) -> int:
    """Return a memory limit (`8GB`, `512MiB`, `60%`) in bytes; a share refers to `free_bytes`."""
    matched = _MEMORY.match(limit)
    if matched is None or (matched[2] == "%" and not 0 < float(matched[1]) <= 100):
        raise InputError(f"memory limit {limit!r}: {_MEMORY_WORDS}")
    return int(free_bytes * float(matched[1]) / 100) if matched[2] == "%" else size_bytes(limit)


def _schema_pattern(pattern: re.Pattern[str]) -> dict[str, str]:
    return {"pattern": "^" + pattern.pattern.removesuffix(r"\Z") + "$"}


Clock = Annotated[
    str,
    BeforeValidator(_clock),
    Field(json_schema_extra=_schema_pattern(_CLOCK), examples=["09:30"]),
]
Day = Annotated[date, BeforeValidator(_date), PlainSerializer(date.isoformat, return_type=str, when_used="json")]
Zone = Annotated[str, AfterValidator(_zone), Field(examples=["America/New_York"])]
Interval = Annotated[str, AfterValidator(_interval), Field(examples=["30s", "1min", "5min", "1h", "1d", "1w", "1mo"])]
Duration = Annotated[str, AfterValidator(_duration), Field(examples=["30min", "2h", "1d"])]
SourceName = Annotated[
    str, AfterValidator(_source_name), Field(json_schema_extra=_schema_pattern(_SOURCE_NAME), examples=["polygon"])
]
Weekday = Annotated[str, AfterValidator(_weekday)]
TickerName = Annotated[str, AfterValidator(_ticker)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_json_object)]
MemoryLimit = Annotated[
    str, AfterValidator(_memory), Field(json_schema_extra=_schema_pattern(_MEMORY), examples=["8GB", "60%"])
]
