"""The result of `sniff`: proposed mappings, as YAML with reasons, and what would be stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtstore.arguments import first_few
from mtstore.errors import InputError
from mtstore.ingest.sniff.draft import Draft
from mtstore.ingest.sniff.preview import Preview
from mtstore.sources.custom.load_presets import load_preset
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
from mtstore.sources.custom.mapping.parse_mapping import read_mapping_text

_WIDTH = 110
_MOST_NOTES = 8


@dataclass(frozen=True, slots=True)
class SniffedLayout:
    """The proposed mapping of files that have one layout.

    Attributes
    ----------
    files
        The files of the layout.
    draft
        Keys, values and reasons.
    preview
        What is stored of some of the files by this mapping.
    """

    files: tuple[Path, ...]
    draft: Draft
    preview: Preview

    @property
    def preset(self) -> str | None:
        """The vendor whose export it is, as a name for `format`; None if the layout is not one of those."""
        return self.draft.preset

    @property
    def choices(self) -> Mapping[str, Sequence[Any]]:
        """The keys that files do not show, each with likely values; they have the value CHOOSE in `yaml`."""
        return self.draft.choices

    @property
    def mapping(self) -> ColumnMapping:
        """The mapping.

        Raises
        ------
        ConfigError
            A key is not chosen yet; `choices` has them.
        """
        return read_mapping_text(self.draft.to_yaml().encode(), first_few([path.name for path in self.files]))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The first bars as they would be stored."""
        return self.preview.rows

    @property
    def yaml(self) -> str:
        """The mapping as the content of a file for `--map`; comments have the reasons and the first bars."""
        return "\n".join([*map(_comment, self._head()), self.draft.to_yaml(), *map(_comment, self._foot())]) + "\n"

    def _head(self) -> list[str]:
        lines = [f"{_files(len(self.files))}: {first_few([path.name for path in self.files])}"]
        if self.preset is not None:
            needs = "".join(f" --{key} …" for key in load_preset(self.preset).needs)
            lines.append(
                f"This is an export of {self.preset}: `--format {self.preset}{needs}` reads it without a mapping."
            )
        return lines

    def _foot(self) -> list[str]:
        lines = []
        found = self.preview.result
        if self.preview.rows:
            assumed = "".join(f", if {key} is {values[0]}" for key, values in self.choices.items())
            lines += [
                f"The first rows as they would be stored{assumed}:",
                *(f"  {line}" for line in self.preview.lines()),
            ]
        read = len(self.preview.files)
        part = "" if self.preview.is_whole else "the first lines of "
        share = _files(read) if read == len(self.files) else f"{read:,} of {_files(len(self.files))}"
        bad = (
            f"{_count(found.quarantined_rows, 'row')} to be quarantined, {_files(len(found.rejected))} to be rejected."
        )
        lines.append(f"Of {part}{share}: {_count(found.rows, 'bar')}, {bad}")
        notes = [*found.errors(), *found.warnings()]
        lines += [f"  {note}" for note in notes[:_MOST_NOTES]]
        for heading, items in (
            ("Unsure:", self.draft.doubts),
            (
                "To be chosen, because files do not show it:",
                [f"{key}: {self.draft.notes[key]}" for key in self.choices],
            ),
        ):
            lines += [heading, *(f"  {item}" for item in items)] if items else []
        return lines


@dataclass(frozen=True, slots=True)
class SniffResult:
    """What files are, and how to read them; `print` shows it.

    Attributes
    ----------
    layouts
        The proposed mapping of each group of files with one layout.
    known
        Files that need no mapping, by format (`dbn`, `polygon-flatfile`).
    others
        Files that are not tables of bars, with the reason.

    Examples
    --------
    >>> found = mtstore.sniff("mine")  # doctest: +SKIP
    >>> store.ingest("mine", mapping=found.mapping)  # doctest: +SKIP
    """

    layouts: tuple[SniffedLayout, ...]
    known: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    others: Mapping[Path, str] = field(default_factory=dict)

    @property
    def mapping(self) -> ColumnMapping:
        """The proposed mapping.

        Raises
        ------
        InputError
            There are several layouts, or none needs a mapping. ConfigError: a key is not chosen yet.
        """
        return self._only.mapping

    @property
    def yaml(self) -> str:
        """The proposed mapping as the content of a YAML file; errors: `mapping`."""
        return self._only.yaml

    @property
    def choices(self) -> Mapping[str, Sequence[Any]]:
        """The keys that files do not show, each with likely values; errors: `mapping`."""
        return self._only.choices

    @property
    def _only(self) -> SniffedLayout:
        if len(self.layouts) != 1:
            raise InputError(
                f"the files have {len(self.layouts)} layouts, each with a mapping of its own: use `layouts`"
                if self.layouts
                else "none of the files needs a mapping"
            )
        return self.layouts[0]

    def __str__(self) -> str:
        lines = [
            f"# {_files(len(files))} in the format {kind}, which needs no mapping: {_names(files)}"
            for kind, files in self.known.items()
        ]
        if self.others:
            lines.append(f"# {_files(len(self.others))} not read, not tables of bars: {_names(self.others)}")
            lines += [f"#   {reason}" for reason in list(dict.fromkeys(self.others.values()))[:3]]
        return "\n".join([*lines, "---\n".join(one.yaml for one in self.layouts).rstrip("\n")]).strip("\n")


def _names(files: Any) -> str:
    return first_few([path.name for path in files])


def _files(number: int) -> str:
    return _count(number, "file")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _comment(line: str) -> str:
    return f"# {line}".rstrip()
