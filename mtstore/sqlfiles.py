"""The only door to SQL text: every statement that Python runs is a file under `sql/`.

A file may hold placeholders `{{name}}`, for what DuckDB cannot bind as a parameter: names of objects, lists of
parquet files, defaults of macros. Their values pass through `identifier` or `literal`, where DuckDB itself does the
quoting; everything else is bound (`$name`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


class Sql(str):
    """SQL text that came out of `sql/`, or out of DuckDB's own quoting, and may therefore be pasted."""

    __slots__ = ()


@functools.cache
def sql_root() -> Path:
    """The folder `sql/`: beside the package in an installed wheel, else in the checkout."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "sql", package.parent / "sql"):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"no sql/ folder beside {package}: this installation of mtstore is incomplete")


@functools.cache
def _text(name: str) -> str:
    return (sql_root() / f"{name}.sql").read_text(encoding="utf-8")


def load(name: str, /, **values: Sql) -> Sql:
    """The text of `sql/<name>.sql` with its placeholders filled in.

    A placeholder without a value, and a value without a placeholder, is a KeyError: both are mistakes of ours.
    """
    text = _text(name)
    wanted = set(_PLACEHOLDER.findall(text))
    if wanted != values.keys():
        raise KeyError(f"sql/{name}.sql takes {sorted(wanted)}, got {sorted(values)}")
    for value in values.values():
        if not isinstance(value, Sql):
            raise TypeError(f"sql/{name}.sql: {value!r} is not quoted; pass it through identifier() or literal()")
    return Sql(_PLACEHOLDER.sub(lambda match: values[match[1]], text))


@functools.cache
def published_objects() -> tuple[str, ...]:
    """The names of the files that make the published database, in the order in which they must run.

    The order stands in `sql/objects.txt`, one name a line, `#` for comments.
    """
    lines = (sql_root() / "objects.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def identifier(name: str) -> Sql:
    """`name` as a quoted SQL identifier."""
    return Sql('"' + name.replace('"', '""') + '"')


def literal(value: Any) -> Sql:
    """`value` (text, number, boolean, None, or a list of them) as DuckDB itself writes it."""
    if isinstance(value, str):
        return Sql("'" + value.replace("'", "''") + "'")
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return Sql(f"[{join(map(literal, value), ', ')}]")  # views list thousands of files, many times faster so
    import duckdb

    return Sql(str(duckdb.ConstantExpression(value)))


def join(parts: Iterable[Sql], separator: str) -> Sql:
    """Several pieces of SQL as one."""
    return Sql(separator.join(parts))
