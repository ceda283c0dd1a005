"""Load the SQL text that Python runs from the files under `sql/`.

`queries/TOPIC.sql` holds named statements: `-- name: NAME`, a comment, the statement. `load("TOPIC.NAME")` returns one;
`load("views/bars")` returns a whole file. A text may hold placeholders `{{name}}` for what DuckDB cannot bind as a
parameter: names of objects, lists of parquet files, defaults of macros. Everything else is bound (`$name`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mtstore.shipped_files import shipped_folder

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_STATEMENT = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


class Sql(str):
    """SQL text from `sql/`, or a quoted name or value, which may be inserted into other SQL text."""

    __slots__ = ()


def sql_root() -> Path:
    """Return the folder `sql/`."""
    return shipped_folder("sql")


@functools.cache
def statements(topic: str) -> Mapping[str, str]:
    """Return the statements of `queries/<topic>.sql` by name, each with its comment."""
    _, *parts = _STATEMENT.split(_read(f"queries/{topic}"))
    found = {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}
    if len(found) != len(parts) // 2:
        raise ValueError(f"sql/queries/{topic}.sql: has a name twice among {sorted(parts[::2])}")
    return found


@functools.cache
def placeholders(name: str) -> frozenset[str]:
    """Return the names of the placeholders in a text."""
    return frozenset(_PLACEHOLDER.findall(_text(name)))


def load(name: str, /, **values: Sql) -> Sql:
    """Return the text called `name` with its placeholders filled in.

    Raises
    ------
    KeyError
        The values are not exactly those of the text's placeholders.
    TypeError
        A value was not quoted by `identifier` or `literal`.
    """
    if placeholders(name) != values.keys():
        raise KeyError(f"{name}: takes {sorted(placeholders(name))}, got {sorted(values)}")
    for value in values.values():
        if not isinstance(value, Sql):
            raise TypeError(f"{name}: {value!r} is not quoted; pass it through identifier() or literal()")
    return Sql(_PLACEHOLDER.sub(lambda match: values[match[1]], _text(name)))


def _text(name: str) -> str:
    if "/" in name:
        return _read(name)
    topic, _, statement = name.partition(".")
    return statements(topic)[statement]


@functools.cache
def _read(name: str) -> str:
    return (sql_root() / f"{name}.sql").read_text(encoding="utf-8").strip()


@functools.cache
def published_objects() -> tuple[str, ...]:
    """Return the names in `sql/objects.txt`: the files that create views and macros, in the order to run them."""
    lines = (sql_root() / "objects.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def identifier(name: str) -> Sql:
    """Return `name` as a quoted SQL identifier."""
    return Sql('"' + name.replace('"', '""') + '"')


def literal(value: Any) -> Sql:
    """Return a text, number, boolean, None, or a list of them, as a SQL literal."""
    if isinstance(value, str):
        return Sql("'" + value.replace("'", "''") + "'")
    # Views list thousands of files: far faster than through DuckDB.
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return Sql(f"[{join(map(literal, value), ', ')}]")
    import duckdb

    return Sql(str(duckdb.ConstantExpression(value)))


def join(parts: Iterable[Sql], separator: str) -> Sql:
    """Join several pieces of SQL."""
    return Sql(separator.join(parts))
