"""The published views and macros as text: their definitions and the contents of their headers."""

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
    """One published object: its name, kind and definition."""

    name: str
    kind: str
    text: str

    @property
    def is_inner(self) -> bool:
        """Whether it serves other objects only."""
        return self.name.startswith("core.")

    @property
    def purpose(self) -> str:
        """The first line of its header, without the name."""
        first = self.text.splitlines()[0].removeprefix("--").strip()
        return first.partition(": ")[2] or first

    @property
    def parameters(self) -> list[str]:
        """A macro's parameters with their defaults."""
        found = _PARAMETERS.search(self.text)
        return [] if found is None else [line.strip().removesuffix(",") for line in found[1].strip().splitlines()]

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The columns of its header with their descriptions."""
        _, _, listed = self.text.partition("-- Columns:\n")
        matches = (_COLUMN.fullmatch(line) for line in listed.partition("-- Example:")[0].splitlines())
        return [(match[1], match[2]) for match in matches if match is not None]


def definitions(inputs: ViewInputs) -> Iterator[Definition]:
    """Yield the published objects in the order of their creation."""
    from mtstore.storage.views.view_texts import view_texts

    for text in view_texts(inputs):
        created = _CREATED.search(text)
        if created is not None:
            yield Definition(created[2].replace('"', ""), created[1].lower(), text)


def find(found: list[Definition], name: str) -> Definition:
    """Return the object of a name; `core.` may be omitted. InputError: it does not exist; the nearest is named."""
    from mtstore.errors import InputError

    by_name = {one.name: one for one in found}
    definition = by_name.get(name) or by_name.get(f"core.{name}")
    if definition is None:
        hint = did_you_mean(name, by_name) or "; `mtstore sql` lists them"
        raise InputError(f"{name!r} is not a view or macro{hint}")
    return definition


def reference(found: list[Definition]) -> str:
    """Return Markdown about the public objects: calls and purposes as tables, then the columns of each."""
    public = [one for one in found if not one.is_inner]
    macros = [one for one in public if one.kind == "macro"]
    views = [one for one in public if one.kind == "view"]
    lines = ["| macro | returns |", "|---|---|"]
    lines += [f"| `{_call(one)}` | {one.purpose} |" for one in macros]
    lines += ["", "| view | contents |", "|---|---|"]
    lines += [f"| `{one.name}` | {one.purpose} |" for one in views]
    lines += ["", "<details><summary>The columns of each</summary>", ""]
    lines += [f"- **{one.name}**: {'; '.join(f'`{name}` {text}' for name, text in one.columns)}" for one in public]
    return "\n".join([*lines, "", "</details>", ""])


def _call(macro: Definition) -> str:
    """Return a macro's call with the names of its parameters."""
    names = [parameter.partition(" := ")[0] for parameter in macro.parameters]
    return f"{macro.name}({', '.join(names)})"
