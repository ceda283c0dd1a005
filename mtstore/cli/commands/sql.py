"""`mtstore sql`: the definitions of views and macros."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mtstore.cli.console import write_stdout
from mtstore.cli.options import FOLDER
from mtstore.cli.sql_reference import definitions, find, reference
from mtstore.errors import InputError

if TYPE_CHECKING:
    from mtstore.storage.views.view_texts import ViewInputs


@click.command(short_help="Print the SQL behind views and macros.")
@click.argument("object_", metavar="[OBJECT]", required=False)
@click.option("--store", type=FOLDER, help="As in this store, with its files and defaults.")
@click.option("--all", "with_core", is_flag=True, help="Also list the inner objects (schema core).")
@click.option("--reference", "as_reference", is_flag=True, help="Describe all objects with their columns, as Markdown.")
def command(object_: str | None, store: Path | None, *, with_core: bool, as_reference: bool) -> None:
    """Print the definition of OBJECT, a view or macro; without OBJECT, list all.

    A definition begins with its purpose, columns, options, handling of NULLs, and an example.
    """
    if object_ is not None and (as_reference or with_core):
        flag = "--reference" if as_reference else "--all"
        raise InputError(f"{flag} describes all objects; omit {object_!r} or the option")
    found = list(definitions(_inputs(store)))
    if as_reference:
        write_stdout(reference(found))
    elif object_ is not None:
        write_stdout(find(found, object_).text.rstrip() + "\n")
    else:
        width = max(len(one.name) for one in found)
        for one in found:
            if with_core or not one.is_inner:
                write_stdout(f"{one.name:<{width}}  {one.kind:<5}  {one.purpose}\n")


def _inputs(store: Path | None) -> ViewInputs:
    from mtstore.storage.views.create_views import read_inputs
    from mtstore.storage.views.view_texts import ViewInputs

    if store is None:
        return ViewInputs(Path())
    import mtstore

    with mtstore.open(store) as found, found.repository.connection() as connection:
        return read_inputs(connection, found.path)
