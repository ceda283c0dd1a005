"""Checks of the files under data/ and meta/: read to the last byte, then held against the metadata in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows, new_instance
from mtstore.storage import checksum
from mtstore.storage.commit import replay
from mtstore.storage.files.data_file import DataFile
from mtstore.storage.files.file_facts import FileFacts, Kind, facts_table, read_facts
from mtstore.storage.layout import Layout
from mtstore.storage.maintenance.problems import Problem

if TYPE_CHECKING:
    import duckdb

_READERS = 2

# The checks in the order of what is worst about a file; those after the first group read views over parquet.
CHECKS = (
    "missing_files",
    "damaged_files",
    "file_facts",
    "unsorted_files",
    "file_places",
    "overlapping_files",
    "unrecorded_coverage",
    "unknown_files",
)
_CHECKS_OF_SEALS = ("missing_files", "damaged_files")
CHECKS_OF_BARS = ("bars_in_empty_ranges",)

Looked = Callable[[FileFacts], None]


@dataclass(slots=True)
class Inspection:
    """What lies on disk: facts by path, and the derived results that are not what was computed."""

    facts: dict[str, FileFacts] = field(default_factory=dict)
    derived: list[Problem] = field(default_factory=list)

    @property
    def are_files_sound(self) -> bool:
        """Whether views over the known files can be read."""
        return all(one.is_there and one.error is None for one in self.facts.values() if one.kind != "unknown")

    def describe(self, fallback: Mapping[str, DataFile]) -> replay.Describe:
        """FileFacts of data files for a fold: from their footers, else from what a generation says."""
        footers = {path: file for path, one in self.facts.items() if (file := data_file(one)) is not None}
        return lambda path: footers[path] if path in footers else fallback[path]


def data_file(facts: FileFacts) -> DataFile | None:
    """A data file as its footer describes it; None if that cannot be read."""
    if facts.footer_file_id is None or facts.byte_size is None:
        return None
    said = {name.removeprefix("footer_"): getattr(facts, name) for name in FOOTER_NAMES}
    return DataFile(path=facts.path, byte_size=facts.byte_size, **said)


FOOTER_NAMES = tuple(name for name in FileFacts.__slots__ if name.startswith("footer_"))


def inspect_files(layout: Layout, known: Mapping[str, Kind], looked: Looked) -> Inspection:
    """Read every file that is known or lies under data/ and meta/."""
    found = Inspection()
    paths = {**dict.fromkeys(_on_disk(layout), "unknown"), **known}
    with ThreadPoolExecutor(_READERS, thread_name_prefix="mtstore-verify") as pool:
        for facts in pool.map(lambda item: _facts_of(layout, *item), sorted(paths.items())):
            found.facts[facts.path] = facts
            looked(facts)
    return found


def _facts_of(layout: Layout, path: str, kind: Kind) -> FileFacts:
    return FileFacts(path, kind) if kind == "unknown" else read_facts(layout.root, path, kind)


def _on_disk(layout: Layout) -> Iterator[str]:
    for folder in ("data", "meta"):
        for path in (layout.root / folder).rglob("*"):
            if layout.log not in path.parents and (path.is_file() or path.is_symlink()):
                yield str(path.relative_to(layout.root))


def files_on_disk(layout: Layout) -> dict[str, Kind]:
    """The files under data/ and meta/ by what their folder says they are, where nothing else is left to say it."""
    folders: dict[str, Kind] = {"data": "data", "meta/quarantine": "quarantine", "meta/revisions": "revisions"}
    return {
        path: kind for path in _on_disk(layout) for folder, kind in folders.items() if path.startswith(f"{folder}/")
    }


def check_seals(facts: Iterable[FileFacts]) -> list[Problem]:
    """The files whose bytes are not those that were written: what can be said of files without any metadata."""
    with closing(new_instance()) as connection:
        return run_checks(connection, facts, _CHECKS_OF_SEALS)


def run_checks(
    connection: duckdb.DuckDBPyConnection, facts: Iterable[FileFacts], names: Iterable[str] = CHECKS
) -> list[Problem]:
    """The offending files of some checks, each file with the first thing that is wrong with it."""
    connection.register("found_files", facts_table(list(facts)))
    found: dict[str, Problem] = {}
    for name in names:
        for row in fetch_rows(connection, sqlfiles.load(f"checks/{name}")):
            found.setdefault(row["path"], Problem(**row, check=name))
    connection.unregister("found_files")
    return list(found.values())


def check_derived(layout: Layout) -> Iterator[Problem]:
    """Derived results whose bytes are not those that were computed, or that nobody vouches for."""
    for folder in sorted((layout.root / "derived").glob("*")):
        digests = checksum.read_manifest(folder)
        for path in sorted(folder.iterdir()):
            if digests is None or (
                path.name != checksum.MANIFEST and digests.get(path.name) != checksum.digest_of(path)
            ):
                yield Problem(
                    str(path.relative_to(layout.root)),
                    "is not what was computed",
                    "delete its folder (or let `mtstore repair` set it aside); it is computed anew when it is wanted",
                    "derived",
                )
