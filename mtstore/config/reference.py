"""The reference of all configuration keys as Markdown, generated from the models."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from mtstore.config.fields import Section

_HEAD = ("| key | valid | default | meaning |", "|---|---|---|---|")


def reference() -> str:
    """Return a table for each section: its keys, their valid values, defaults and meanings."""
    from mtstore.config.calendar_entry import CalendarEntry
    from mtstore.config.models import MultiTicker, TickerConfig, TickerEntry
    from mtstore.config.sources import DatabentoSource, LocalSource, PolygonSource

    sections: dict[str, type[Section]] = {"multi_ticker": MultiTicker}
    sections |= {f"multi_ticker.{name}": section for name, section in _subsections(MultiTicker)}
    sections |= {
        "ticker_config": TickerConfig,
        "multi_ticker.tickers.X, ticker_config.defaults, ticker_config.overrides.X": TickerEntry,
        "sources.X, provider polygon": PolygonSource,
        "sources.X, provider databento": DatabentoSource,
        "sources.X, provider files or synthetic": LocalSource,
        "calendars.X": CalendarEntry,
    }
    return "\n\n".join("\n".join(_table(title, section)) for title, section in sections.items()) + "\n"


def _subsections(section: type[Section]) -> Iterator[tuple[str, type[Section]]]:
    for name, field in section.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield name, typing.cast("type[Section]", field.annotation)


def _table(title: str, section: type[Section]) -> Iterator[str]:
    yield f"### `{title}`"
    yield ""
    yield f"{(section.__doc__ or '').strip().splitlines()[0]}"
    yield ""
    yield from _HEAD
    for name, field in section.model_fields.items():
        cells = (f"`{field.alias or name}`", _valid(field), _default(field), field.description or "")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _valid(field: FieldInfo) -> str:
    words = list(_words(field.annotation))
    examples = ", ".join(f"`{one}`" for one in field.examples or ())
    return ", ".join(dict.fromkeys(words)) + (f", such as {examples}" if examples else "")


def _words(kind: Any) -> Iterator[str]:
    """Yield what a type accepts: the words of a choice, or the name of the kind of value."""
    origin = typing.get_origin(kind)
    if origin is Literal:
        yield from (f"`{word}`" for word in typing.get_args(kind))
    elif origin in (typing.Union, types.UnionType):
        for part in typing.get_args(kind):
            yield from _words(part)
    elif origin is typing.Annotated:
        yield from _words(typing.get_args(kind)[0])
    elif kind is type(None):
        yield "`null`"
    elif origin in (list, dict, Mapping) or hasattr(kind, "model_fields"):
        yield "list" if origin is list else "mapping"
    else:
        yield _KINDS.get(kind, "text")


_KINDS: dict[Any, str] = {int: "whole number", float: "number", bool: "`true`, `false`", Any: "anything"}


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if hasattr(value, "model_fields_set") or value in ({}, []):
        return ""
    if value is None or isinstance(value, bool):
        return f"`{str(value).lower().replace('none', 'null')}`"
    return f"`{', '.join(map(str, value)) if isinstance(value, list) else value}`"
