"""`mtstore sql`: the definitions of views and macros."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mtstore.cli.console import put

if TYPE_CHECKING:
    from mtstore.store.objects import Inputs

_CREATED: Final = re.compile(r"^CREATE OR REPLACE (VIEW|MACRO) ((?:core\.)?\S+?)(?:\(| AS)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Definition:
    """One published object: what it is called, what it is, and the statement that makes it."""

    name: str
    kind: str
    text: str

    @property
    def purpose(self) -> str:
        """The first line of its header, without the name."""
        first = self.text.splitlines()[0].removeprefix("--").strip()
        return first.partition(": ")[2] or first


@click.command(short_help="Print the SQL behind views and macros.")
@click.argument("object_", metavar="[OBJECT]", required=False)
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="As this store has it, files and defaults filled in.",
)
@click.option("--all", "with_core", is_flag=True, help="List the inner objects (schema core), too.")
def command(object_: str | None, store: Path | None, *, with_core: bool) -> None:
    """Print the definition of OBJECT, a view or macro, to read or to take elsewhere; without OBJECT, list them.

    Each definition begins with what it does, its columns, options, handling of NULLs, and an example.
    """
    definitions = list(_definitions(store))
    if object_ is None:
        width = max(len(one.name) for one in definitions)
        for one in definitions:
            if with_core or not one.name.startswith("core."):
                put(f"{one.name:<{width}}  {one.kind:<5}  {one.purpose}\n")
        return
    put(_find(definitions, object_).text.rstrip() + "\n")


def _definitions(store: Path | None) -> Iterator[Definition]:
    from mtstore.store.objects import object_texts

    for text in object_texts(_inputs(store)):
        created = _CREATED.search(text)
        if created is not None:
            yield Definition(created[2].replace('"', ""), created[1].lower(), text)


def _inputs(store: Path | None) -> Inputs:
    from mtstore.store.objects import Inputs, read_inputs

    if store is None:
        return Inputs(Path())
    import mtstore

    with mtstore.open(store) as found, found.connection() as connection:
        return read_inputs(connection, found.path)


def _find(definitions: list[Definition], name: str) -> Definition:
    from mtstore.errors import InputError
    from mtstore.words import did_you_mean

    by_name = {one.name: one for one in definitions}
    found = by_name.get(name) or by_name.get(f"core.{name}")
    if found is None:
        hint = did_you_mean(name, by_name) or "; `mtstore sql` lists them"
        raise InputError(f"{name!r} is no view or macro{hint}")
    return found
