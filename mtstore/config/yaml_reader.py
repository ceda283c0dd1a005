"""Read YAML as text: keys and times stay as written, and every value has its line.

Plain YAML reads `16:00` as 960, and the tickers ON, NO, TRUE and 001 as booleans and numbers. Here every scalar stays
text. An unquoted one is a `Plain`, which the models convert to a number, a boolean or null where the field takes one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import yaml

Path: TypeAlias = tuple[str | int, ...]
"""The keys and list positions that lead to a value."""

_MOST_VALUES: Final = 300_000
_DEEPEST: Final = 40
_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_TEXT_TAG: Final = "tag:yaml.org,2002:str"

_NULL: Final = re.compile(r"(?:~|null|Null|NULL)?\Z")
_TRUE: Final = re.compile(r"(?:true|yes|on)\Z", re.IGNORECASE)
_FALSE: Final = re.compile(r"(?:false|no|off)\Z", re.IGNORECASE)
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\Z")
_NUMBER: Final = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?\Z")


class Plain(str):
    """An unquoted scalar."""

    __slots__ = ()


@dataclass(slots=True)
class Document:
    """A YAML text as a tree.

    Attributes
    ----------
    tree
        Mappings with text keys, lists, and scalars as text (`Plain` if unquoted).
    lines
        The line of each key and list item, counted from 1.
    problems
        Path and sentence of each mistake that leaves the rest readable.
    """

    tree: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[tuple[Path, str]] = field(default_factory=list)


class YamlTextError(ValueError):
    """The text is not YAML; the message names the line and never quotes it, because it may contain a key."""


def read_yaml(content: bytes) -> Document:
    """Read one YAML document (UTF-8 or UTF-16).

    Raises
    ------
    YamlTextError
        A syntax error, more than one document, an alias within itself, or excessive nesting or aliases.
    """
    import yaml

    failure = ""
    try:
        root = yaml.compose(content, Loader=_loader())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        sentence = " ".join(filter(None, (error.context, error.problem)))
        failure = f"{f'line {mark.line + 1}: ' if mark else ''}{sentence}"
    except yaml.reader.ReaderError as error:
        failure = f"position {error.position}: {error.reason}"
    except RecursionError:
        failure = "it is nested too deeply"
    # Raised outside the handlers, because their errors quote the text.
    if failure:
        raise YamlTextError(failure)
    document = Document()
    if root is not None:
        document.tree = _Reader(document).read(root, (), 0)
    return document


def resolve_plain(text: Plain, *, null: bool, boolean: bool, number: bool) -> str | int | float | bool | None:
    """Return an unquoted scalar as the first of null, boolean and number that is allowed and fits, else as text."""
    if null and _NULL.match(text):
        return None
    if boolean and _TRUE.match(text):
        return True
    if boolean and _FALSE.match(text):
        return False
    if number and _INTEGER.match(text):
        return int(text)
    if number and _NUMBER.match(text):
        return float(text)
    return str(text)


def to_json(value: Any) -> Any:
    """Return a free value as JSON: numbers, `true`, `false`, null; `037833100`, `ON` and `16:00` stay text."""
    if isinstance(value, Plain):
        if value in ("true", "false"):
            return value == "true"
        return resolve_plain(value, null=True, boolean=False, number=True)
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


def _loader() -> type[yaml.SafeLoader]:
    import yaml

    class TextLoader(yaml.SafeLoader):
        """Resolve nothing but the merge key `<<`."""

        yaml_implicit_resolvers = {"<": [(_MERGE_TAG, re.compile(r"<<\Z"))]}  # noqa: RUF012

    return TextLoader


class _Reader:
    """Turn nodes into values; collect lines and problems."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._open: set[int] = set()
        self._count = 0

    def read(self, node: yaml.Node, path: Path, depth: int) -> Any:
        import yaml

        self._count += 1
        line = node.start_mark.line + 1
        if depth > _DEEPEST or id(node) in self._open or self._count > _MOST_VALUES:
            raise YamlTextError(f"line {line}: nesting or repetition is excessive")
        self._document.lines.setdefault(path, line)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._read_mapping(node, path, depth)
            if isinstance(node, yaml.SequenceNode):
                self._check_tag(node, path, "tag:yaml.org,2002:seq")
                return [self.read(item, (*path, at), depth + 1) for at, item in enumerate(node.value)]
            self._check_tag(node, path, _TEXT_TAG)
            is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
            return Plain(node.value) if is_plain else str(node.value)
        finally:
            self._open.discard(id(node))

    def _read_mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        import yaml

        self._check_tag(node, path, "tag:yaml.org,2002:map")
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        first_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(path, f"line {line}: a key must be text")
                continue
            key = str(key_node.value)
            if key_node.tag == _MERGE_TAG:
                self._merge(merged, value_node, path, depth)
                continue
            if key in first_lines:
                self._problem((*path, key), f"the key is repeated, on lines {first_lines[key]} and {line}")
                continue
            first_lines[key] = line
            self._document.lines[(*path, key)] = line
            values[key] = self.read(value_node, (*path, key), depth + 1)
        return merged | values

    def _merge(self, into: dict[str, Any], node: yaml.Node, path: Path, depth: int) -> None:
        """Add the keys of `<<: *alias` or `<<: [*one, *two]`; earlier ones win, as in YAML."""
        import yaml

        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            value = self.read(source, path, depth + 1)
            if not isinstance(value, dict):
                self._problem(path, f"line {source.start_mark.line + 1}: '<<' takes a mapping")
                continue
            for key, item in value.items():
                into.setdefault(key, item)

    def _check_tag(self, node: yaml.Node, path: Path, plain_tag: str) -> None:
        if node.tag != plain_tag:
            self._problem(path, f"tags such as {node.tag.removeprefix('tag:yaml.org,2002:')!r} are not used here")

    def _problem(self, path: Path, sentence: str) -> None:
        self._document.problems.append((path, sentence))
