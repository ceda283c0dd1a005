"""Check a user's statement on DuckDB's own parse of it, before it runs.

Settings alone allow too much: a sandboxed instance still writes into the folders that it may read (`COPY … TO`, alone,
under EXPLAIN ANALYZE, or as the body of a CTE), and a few functions run SQL text.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, NoReturn

from mtstore import sqlfiles
from mtstore.duckdb_instance import new_instance
from mtstore.errors import QueryError

if TYPE_CHECKING:
    import duckdb

ALLOWED = "SELECT, WITH, FROM, VALUES, TABLE, PIVOT, UNPIVOT, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN of one of these"

_MOST_CHARACTERS = 1_000_000
# On a syntax error in the innermost part, DuckDB's parser takes five times longer for each CTE within a CTE, and a time
# that grows with the square of the number of open brackets; it cannot be interrupted.
_DEEPEST_CTE = 6
_DEEPEST_BRACKET = 300
_QUERY_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
# Of DuckDB's own table functions these read: made-up rows, the catalog, and files that the instance may open. The
# others run SQL given as text (query), take addresses of memory (arrow_scan), or change how the instance works.
_READING_FUNCTION = re.compile(
    r"""duckdb_(?!secrets)\w+ | pragma_\w+ | parquet_\w+ | read_(?!duckdb)\w+ | json_each | json_tree | range | unnest
    | generate_series | repeat | repeat_row | glob | sniff_csv | query_table | summary | pg_timezone_names
    | icu_calendar_names | test_all_types | test_vector_types | show | show_tables | show_tables_expanded
    | show_databases | table_info | version | functions | collations | platform""",
    re.VERBOSE,
)
_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \w+ | [^\s\w]""", re.VERBOSE | re.DOTALL
)
_COMMENT = ("--", "/*")
_BLANK = r"(?:\s|--[^\n]*+|/\*(?>.*?\*/))*+"
_FLAGS = re.IGNORECASE | re.DOTALL
_ANALYZE = r"ANALY[SZ]E"
_EXPLAIN = re.compile(
    rf"{_BLANK}EXPLAIN\b{_BLANK}(?:{_ANALYZE}\b{_BLANK})?(?:\(\s*(?:{_ANALYZE}|FORMAT)\b[\w\s,']*\))?", _FLAGS
)
_PIVOTING = re.compile(rf"(?:{_BLANK}\()*+{_BLANK}(?:PIVOT|WITH|FROM|SELECT|DESCRIBE|SUMMARIZE|SHOW)\b", _FLAGS)
_WRITING_WORD = re.compile(r"\b(?:COPY|INSERT|UPDATE|DELETE|MERGE|CREATE|REPLACE)\b", _FLAGS)
_NOT_SELECT = "Only SELECT statements"
_OTHERWISE = "the store is read-only here (--unsafe, or `unsafe=True` in Python, lifts this)"


def check_statement(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Accept one statement that only reads; `connection` parses it and runs nothing of it.

    Raises
    ------
    QueryError
        The text is not a single statement of the kinds ALLOWED, has a part that writes, calls one of DuckDB's table
        functions that do more than read, or cannot be parsed.
    """
    _check_text(statement)
    tree = _parse(connection, statement)
    if tree is None:
        _check_other(connection, statement)
        return
    statements = tree["statements"]
    if not statements:
        raise QueryError("the statement is empty")
    if len(statements) > 1:
        raise QueryError(f"{len(statements)} statements were given; one is allowed: {ALLOWED}")
    _check_tree(tree)


def _check_text(statement: str) -> None:
    if len(statement) > _MOST_CHARACTERS:
        raise QueryError(f"the statement has {len(statement):,} characters; at most {_MOST_CHARACTERS:,} are read")
    if "\0" in statement:
        raise QueryError("the statement contains a NUL character")
    if any("\ud800" <= char <= "\udfff" for char in statement):
        raise QueryError("the statement is not valid Unicode text")
    _check_depth(statement)


def _check_depth(statement: str) -> None:
    deepest_cte = 0
    opened: list[bool] = []  # for each open bracket, whether it begins a CTE
    last = ""
    for word in _words(statement):
        if word in "([{":
            opened.append(word == "(" and last in {"AS", "MATERIALIZED"})
            deepest_cte = max(deepest_cte, sum(opened)) if opened[-1] else deepest_cte
        elif word in ")]}" and opened:
            opened.pop()
        if len(opened) > _DEEPEST_BRACKET:
            raise QueryError(f"brackets are nested deeper than {_DEEPEST_BRACKET}")
        if deepest_cte > _DEEPEST_CTE:
            raise QueryError(f"CTEs are nested deeper than {_DEEPEST_CTE}; write them side by side")
        last = word.upper()


def _words(statement: str) -> Iterator[str]:
    return (match[0] for match in _TOKEN.finditer(statement) if not match[0].startswith(_COMMENT))


def _parse(connection: duckdb.DuckDBPyConnection, statement: str) -> dict[str, Any] | None:
    """Return DuckDB's parse of a statement; None if the statement is valid, but not a SELECT."""
    # Not `extract_statements`, which blocks all other threads while it parses.
    ((text,),) = connection.execute(sqlfiles.load("sandbox.parse_tree"), {"statement": statement}).fetchall()
    try:
        tree: dict[str, Any] = json.loads(text)
    except RecursionError:
        raise QueryError("the statement is nested too deeply") from None
    if not tree["error"]:
        return tree
    message = tree["error_message"]
    if message.startswith(_NOT_SELECT):
        return None
    raise QueryError(f"{message}{_place(statement, tree.get('position'))}")


def _place(statement: str, position: str | None) -> str:
    if position is None:
        return ""
    before = statement.encode()[: int(position)].decode(errors="replace")
    return f" (line {before.count(chr(10)) + 1}, character {len(before) - before.rfind(chr(10))})"


def _check_other(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Check EXPLAIN, and PIVOT whose columns come from the data, for which DuckDB returns no parse."""
    try:
        found = connection.extract_statements(statement)
        kind = found[0].type.name
    except ValueError:  # a kind that DuckDB's Python does not know
        _reject(statement)
    if len(found) > 1:
        raise QueryError(f"{len(found)} statements were given; one is allowed: {ALLOWED}")
    explain = _EXPLAIN.match(statement)
    if kind in {"EXPLAIN", "MULTI"} and explain is not None:
        check_statement(connection, statement[explain.end() :])
    elif kind == "MULTI" and _PIVOTING.match(statement):
        _check_pivot(statement)
    else:
        _reject(statement)


def _check_pivot(statement: str) -> None:
    words = {word.lower() for word in re.findall(r"\w+", statement)}
    writing = _WRITING_WORD.search(statement)
    unsafe = sorted(words & _unsafe_functions())
    if writing or unsafe:
        word = writing[0] if writing else unsafe[0]
        raise QueryError(
            f"a PIVOT that takes its columns from the data may not contain the word {word!r}; "
            "write its columns out: PIVOT … ON column IN (…)"
        )


def _check_tree(tree: dict[str, Any]) -> None:
    for node in _nodes(tree):
        kind = str(node.get("type", ""))
        if ("cte_map" in node or kind.endswith("_NODE")) and kind not in _QUERY_NODES:
            _reject(kind.partition("_")[0], where=" inside a query")
        if kind == "TABLE_FUNCTION":
            name = str(node["function"].get("function_name", "")).lower()
            if _is_unsafe(name):
                raise QueryError(f"the table function {name}() is not allowed: it does more than read; {_OTHERWISE}")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _reject(statement: str, where: str = "") -> NoReturn:
    kind = next(_words(statement), "this").upper()
    raise QueryError(f"{kind} is not allowed{where}; use one statement that reads: {ALLOWED}; {_OTHERWISE}")


def _is_unsafe(name: str) -> bool:
    return name not in _published_macros() and name in _unsafe_functions()


@functools.cache
def _published_macros() -> frozenset[str]:
    return frozenset(name.rpartition("/")[2] for name in sqlfiles.published_objects() if name.startswith("macros/"))


@functools.cache
def _unsafe_functions() -> frozenset[str]:
    with closing(new_instance()) as connection:
        rows = connection.execute(sqlfiles.load("sandbox.system_table_functions")).fetchall()
    return frozenset(name for (name,) in rows if not _READING_FUNCTION.fullmatch(name))
