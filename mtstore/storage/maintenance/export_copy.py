"""Export a copy of the database file: as it is, with all bars inside, or with the paths of another machine.

A view can only be created where its files are. So a copy with other paths looks up its folder in a variable, which is
set during the export. Readers of the copy may set it (`SET VARIABLE mtstore_root = '/elsewhere'`); otherwise the views
read `path_prefix`.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.errors import InputError, StoreError
from mtstore.sqlfiles import Sql, identifier, join, literal
from mtstore.storage import durable_io
from mtstore.storage.layout import new_id
from mtstore.storage.reading.attach import attached
from mtstore.storage.reading.read_errors import unreadable_file
from mtstore.storage.views import create_views, view_texts

if TYPE_CHECKING:
    import duckdb

    from mtstore.storage.repository import Repository
    from mtstore.storage.views.view_texts import ViewInputs


def export_copy(
    store: Repository, to: str | os.PathLike[str], *, materialize: bool = False, path_prefix: str | None = None
) -> Path:
    """Write the newest snapshot as a database file at `to`, replacing an existing one.

    Parameters
    ----------
    to
        The file, outside the store's folder. It appears only when it is complete.
    materialize
        Store all bars, quarantined rows and revisions in the file, so that it needs no other file.
    path_prefix
        The folder (an absolute POSIX path) under which the machine that will read the copy sees the store.

    Raises
    ------
    InputError
        `to` is inside the store or a folder, `path_prefix` is not an absolute path, or both options are given.
    StoreError
        A data file cannot be read, or the copy cannot be written.
    """
    target = Path(to).expanduser().absolute()
    _check(store, target, materialize=materialize, path_prefix=path_prefix)
    building = target.with_name(f".{target.name}-{new_id()}")
    try:
        with store.snapshot() as snapshot:
            building.write_bytes(store.layout.catalog_file(snapshot).read_bytes())
            with _export_errors(target), attached(building, read_only=False) as connection:
                connection.begin()
                inputs = create_views.read_inputs(connection, store.layout.root)
                # A copy and the store, attached together, may hold different bars.
                inputs = replace(inputs, store=f"{inputs.store} {new_id()}")
                if materialize:
                    texts = _with_rows(connection, inputs)
                elif path_prefix is not None:
                    texts = _with_prefix(connection, inputs, str(PurePosixPath(path_prefix)))
                else:
                    texts = view_texts.view_texts(inputs)
                create_views.make_texts(connection, texts)
                connection.commit()
        durable_io.make_read_only(building)
        durable_io.fsync_file(building)
        building.replace(target)
        durable_io.fsync_folder(target.parent)
    finally:
        building.unlink(missing_ok=True)
        building.with_name(f"{building.name}.wal").unlink(missing_ok=True)
    return target


@contextmanager
def _export_errors(target: Path) -> Iterator[None]:
    """Raise DuckDB's errors (a full disk, an unreadable data file) as StoreError."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise (unreadable_file(error) or StoreError(f"{target}: {error}")) from error


def _check(store: Repository, target: Path, *, materialize: bool, path_prefix: str | None) -> None:
    if materialize and path_prefix is not None:
        raise InputError(
            f"path_prefix {path_prefix!r}: a copy with all bars inside reads no other file; give one of both"
        )
    if path_prefix is not None and not (PurePosixPath(path_prefix).is_absolute() and path_prefix.isprintable()):
        raise InputError(
            f"path_prefix {path_prefix!r}: an absolute path on the reading machine is needed, like /mnt/store"
        )
    if target.resolve().is_relative_to(store.layout.root):
        raise InputError(
            f"to: {target} is inside the store; choose a path outside of it, beside {store.layout.public_link}"
        )
    if target.is_dir() or not target.parent.is_dir():
        raise InputError(f"{target}: a file in a folder that exists is needed")


def _with_rows(connection: duckdb.DuckDBPyConnection, stored: ViewInputs) -> Iterator[Sql]:
    """Copy all rows into tables, and return the texts of views and macros that read those."""
    # One file stands for all files of a schema: the table replaces it in every text.
    inputs = replace(stored, data_files={schema: paths[:1] for schema, paths in stored.data_files.items()})
    sources: dict[Sql, Sql] = {}
    for schema, paths in stored.data_files.items():
        source = view_texts.source_of_bars(schema, paths, stored)
        table = _create_table(connection, f"stored_{view_texts.view_name(schema)}", source)
        sources[view_texts.source_of_bars(schema, paths[:1], inputs)] = table
    for name, paths in (("quarantine", stored.quarantine_files), ("revisions", stored.revision_files)):
        if paths:
            source = view_texts.source_of_rows(paths, stored)
            sources[source] = _create_table(connection, f"stored_{name}", source)
    return (_replaced(text, sources) for text in view_texts.view_texts(inputs))


def _create_table(connection: duckdb.DuckDBPyConnection, table: str, source: Sql) -> Sql:
    connection.execute(sqlfiles.load("snapshot.create_table", table=identifier(table), source=source))
    return join((identifier("core"), identifier(table)), ".")


def _replaced(text: Sql, sources: dict[Sql, Sql]) -> Sql:
    for source, table in sources.items():
        text = Sql(text.replace(source, table))
    return text


def _with_prefix(connection: duckdb.DuckDBPyConnection, inputs: ViewInputs, prefix: str) -> Iterator[Sql]:
    """Return the texts of views and macros over the same files under another folder."""
    connection.execute(sqlfiles.load("snapshot.set_root", root=literal(str(inputs.root))))
    return (_placed(text, inputs.root, prefix) for text in view_texts.view_texts(inputs))


def _placed(text: Sql, root: Path, prefix: str) -> Sql:
    """Return a statement that looks up the folder of its files."""
    for quote in ("''", "'"):  # a statement inside a literal has each quote twice
        opening = literal(str(root))[:-1].replace("'", quote)
        # No path below the root has a quote in it: tickers are encoded, source names are plain.
        literals = re.compile(f"{re.escape(opening)}(/(?:data|meta)/[^']*){quote}")
        text = Sql(literals.sub(functools.partial(_path, prefix, quote), text))
    return text


def _path(prefix: str, quote: str, found: re.Match[str]) -> str:
    placed = sqlfiles.load("parts/placed_path", prefix=literal(prefix), rest=literal(found[1]))
    return placed.strip().replace("'", quote)
