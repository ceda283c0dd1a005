"""The published views and macros as text: what makes each, and what its header says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtstore.arguments import did_you_mean

if TYPE_CHECKING:
    from mtstore.storage.views.view_texts import ViewInputs

_CREATED: Final = re.compile(r"^CREATE OR REPLACE (VIEW|MACRO) ((?:core\.)?\S+?)(?:\(| AS)", re.MULTILINE)
_PARAMETERS: Final = re.compile(r"^CREATE OR REPLACE MACRO [\w.]+\((.*?)^\) AS", re.MULTILINE | re.DOTALL)
_COLUMN: Final = re.compile(r"--   (\w+): (.+)")


@dataclass(frozen=True, slots=True)
class Definition:
    """One published object: what it is called, what it is, and the statement that makes it."""

    name: str
    kind: str
    text: str

    @property
    def is_inner(self) -> bool:
        """Whether it is there for other objects, not for people."""
        return self.name.startswith("core.")

    @property
    def purpose(self) -> str:
        """The first line of its header, without the name."""
        first = self.text.splitlines()[0].removeprefix("--").strip()
        return first.partition(": ")[2] or first

    @property
    def parameters(self) -> list[str]:
        """A macro's parameters with their defaults, as its definition has them."""
        found = _PARAMETERS.search(self.text)
        return [] if found is None else [line.strip().removesuffix(",") for line in found[1].strip().splitlines()]

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Each column that its header names, and what is said of it."""
        _, _, listed = self.text.partition("-- Columns:\n")
        matches = (_COLUMN.fullmatch(line) for line in listed.partition("-- Example:")[0].splitlines())
        return [(match[1], match[2]) for match in matches if match is not None]


def definitions(inputs: ViewInputs) -> Iterator[Definition]:
    """Every published object that is made from `inputs`, in the order in which they are made."""
    from mtstore.storage.views.view_texts import view_texts

    for text in view_texts(inputs):
        created = _CREATED.search(text)
        if created is not None:
            yield Definition(created[2].replace('"', ""), created[1].lower(), text)


def find(known: list[Definition], name: str) -> Definition:
    """The object of a name, the name of an inner one without `core.`, too.

    Raises
    ------
    InputError
        There is none; names the nearest.
    """
    from mtstore.errors import InputError

    by_name = {one.name: one for one in known}
    found = by_name.get(name) or by_name.get(f"core.{name}")
    if found is None:
        hint = did_you_mean(name, by_name) or "; `mtstore sql` lists them"
        raise InputError(f"{name!r} is no view or macro{hint}")
    return found


def reference(known: list[Definition]) -> str:
    """Markdown about the objects for people: calls and purposes as tables, then the columns of each."""
    public = [one for one in known if not one.is_inner]
    macros = [one for one in public if one.kind == "macro"]
    views = [one for one in public if one.kind == "view"]
    lines = ["| macro | gives |", "|---|---|"]
    lines += [f"| `{_call(one)}` | {one.purpose} |" for one in macros]
    lines += ["", "| view | holds |", "|---|---|"]
    lines += [f"| `{one.name}` | {one.purpose} |" for one in views]
    lines += ["", "<details><summary>The columns of each</summary>", ""]
    lines += [f"- **{one.name}**: {'; '.join(f'`{name}` {said}' for name, said in one.columns)}" for one in public]
    return "\n".join([*lines, "", "</details>", ""])


def _call(macro: Definition) -> str:
    """The two arguments that a macro needs, and the options that it has beyond the range."""
    names = [parameter.partition(" := ")[0] for parameter in macro.parameters]
    return f"{macro.name}({', '.join(names)})"
