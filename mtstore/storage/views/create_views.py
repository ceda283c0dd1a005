"""Create the views and macros of a database, each with its comments."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mtstore import sqlfiles
from mtstore.sqlfiles import Sql, identifier, join, literal
from mtstore.storage.views.view_texts import ViewInputs, view_texts

if TYPE_CHECKING:
    import duckdb

_CREATE_MACRO: Final = "CREATE OR REPLACE MACRO "
_CREATED = re.compile(r"^CREATE OR REPLACE (VIEW|MACRO) ((?:core\.)?(?:\w+|\"[^\"]+\"))", re.MULTILINE)
_TABLE_MACRO = re.compile(r"^\) AS TABLE$", re.MULTILINE)
_COLUMN = re.compile(r"  (\"(?:[^\"]|\"\")+\"|\w+): (.+)")


def create_views(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    *,
    data_files: Mapping[str, Sequence[str]] | None = None,
    quarantine_files: Sequence[str] | None = None,
    revision_files: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    universe: Sequence[str] | None = None,
) -> None:
    """Create every view and macro in the connection's current database, which has the tables of `core`.

    Those whose text is unchanged are left alone: after most commits only the views over schemas with new files differ.

    Parameters
    ----------
    connection
        Its current database (`USE`) gets them: a macro bound through an alias fails in every other client.
    root
        The folder that relative paths start from.
    data_files, quarantine_files, revision_files, settings, universe
        As in `ViewInputs`; None takes the values of the tables `core.files`, `core.meta_files`, `core.settings` and
        `core.ticker_list`.
    """
    given: dict[str, Any] = {
        "data_files": data_files,
        "quarantine_files": quarantine_files,
        "revision_files": revision_files,
        "settings": settings,
        "universe": universe,
    }
    stored = read_inputs(connection, root)
    inputs = replace(stored, **{name: value for name, value in given.items() if value is not None})
    connection.execute(sqlfiles.load("schema/object_tables"))
    make_texts(connection, view_texts(inputs))
    _refresh_dividend_closes(connection)


def make_texts(connection: duckdb.DuckDBPyConnection, texts: Iterable[Sql]) -> None:
    """Execute the statements whose text changed, and drop the macros that none of them creates."""
    made = dict(connection.execute(sqlfiles.load("objects.object_digests")).fetchall())
    changed = {}
    for text in texts:
        digest = hashlib.sha256(text.encode()).hexdigest()
        name = _created(text)[0]
        if made.pop(name, None) != digest:
            connection.execute(join([text, *comment_statements(text)], "\n"))
            changed[name] = digest
    dropped = [name for name in made if name.startswith(_CREATE_MACRO)]
    for name in dropped:
        connection.execute(sqlfiles.load("objects.drop_macro", object=Sql(name.removeprefix(_CREATE_MACRO))))
    connection.execute(sqlfiles.load("objects.delete_object_digests"), {"names": dropped})
    _record_digests(connection, changed)


def _record_digests(connection: duckdb.DuckDBPyConnection, digests: Mapping[str, str]) -> None:
    if digests:  # one statement for all: each costs some milliseconds
        values = {"names": list(digests), "digests": list(digests.values())}
        connection.execute(sqlfiles.load("objects.upsert_object_digests"), values)


def _refresh_dividend_closes(connection: duckdb.DuckDBPyConnection) -> None:
    """Update `core.dividend_closes` for the tickers whose dividends or files changed."""
    stale = connection.execute(sqlfiles.load("derive.stale_dividend_closes")).fetchall()
    if not stale:
        return
    tickers = {"tickers": [ticker for ticker, _ in stale]}
    connection.execute(sqlfiles.load("derive.delete_dividend_closes"), tickers)
    connection.execute(sqlfiles.load("derive.insert_dividend_closes"), tickers)
    _record_digests(connection, {f"dividends of {ticker}": digest for ticker, digest in stale})


def read_inputs(connection: duckdb.DuckDBPyConnection, root: Path) -> ViewInputs:
    """Read the inputs of the views from the tables of the connection's current database."""
    paths: dict[str, list[str]] = {}
    for kind, schema, path in connection.execute(sqlfiles.load("objects.view_inputs")).fetchall():
        paths.setdefault(schema or kind, []).append(path)
    settings = connection.execute(sqlfiles.load("objects.applied_settings")).fetchall()
    universe = connection.execute(sqlfiles.load("objects.applied_universe")).fetchall()
    (store,) = connection.execute(sqlfiles.load("objects.store_id")).fetchone() or ("",)
    return ViewInputs(
        root,
        store=store,
        quarantine_files=paths.pop("quarantine", []),
        revision_files=paths.pop("revisions", []),
        data_files=paths,
        settings={key: json.loads(value) for key, value in settings},
        universe=[ticker for (ticker,) in universe],
    )


def comment_statements(text: Sql) -> Iterator[Sql]:
    """Yield the COMMENT ON statements of a view or macro and of its columns, from the header of `text`."""
    created = _created(text)
    header = [line.removeprefix("--").removeprefix(" ") for line in text.splitlines() if line.startswith("--")]
    kind, name = created[1], Sql(created[2])
    if kind == "MACRO" and _TABLE_MACRO.search(text):
        kind = "MACRO TABLE"
    columns = [match for line in header if (match := _COLUMN.fullmatch(line))]
    # DuckDB stores no comments on a macro's columns: they stay in the macro's comment.
    is_column = re.compile(rf"{_COLUMN.pattern}|Columns:").fullmatch if kind == "VIEW" else None
    about = [line for line in header if is_column is None or not is_column(line)]
    yield _comment_on(kind, name, "\n".join(about))
    if kind == "VIEW":
        for match in columns:
            column = match[1] if match[1].startswith('"') else identifier(match[1])
            yield _comment_on("COLUMN", Sql(f"{name}.{column}"), match[2])


def _created(text: Sql) -> re.Match[str]:
    """Return the kind and name of the view or macro that a statement creates."""
    created = _CREATED.search(text)
    if created is None:
        raise ValueError(f"no CREATE OR REPLACE VIEW or MACRO in: {text[:200]}")
    return created


def _comment_on(kind: str, name: Sql, text: str) -> Sql:
    return sqlfiles.load("objects.comment_on", kind=Sql(kind), object=name, text=literal(text))
