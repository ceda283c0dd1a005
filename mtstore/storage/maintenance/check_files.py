"""Check the files under data/ and meta/: read them to the last byte, then compare them with the metadata in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows, new_instance
from mtstore.storage import checksum
from mtstore.storage.commit.replay import FileLookup
from mtstore.storage.files.data_file import DataFile
from mtstore.storage.files.file_facts import FileFacts, Kind, facts_table, read_facts
from mtstore.storage.layout import Layout
from mtstore.storage.maintenance.problems import Problem

if TYPE_CHECKING:
    import duckdb

_READERS = 2

# The most severe checks first: a file is reported for the first one that it fails.
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
_CHECKS_OF_CHECKSUMS = ("missing_files", "damaged_files")
CHECKS_OF_BARS = ("bars_in_empty_ranges",)  # they read the views over parquet

_FOLDERS: Mapping[str, Kind] = {"data": "data", "meta/quarantine": "quarantine", "meta/revisions": "revisions"}


def inspect_files(
    layout: Layout, known: Mapping[str, Kind], on_file: Callable[[FileFacts], None]
) -> dict[str, FileFacts]:
    """Read every known file; return their facts, and those of unknown files under data/ and meta/, by path."""
    found: dict[str, FileFacts] = {}
    kinds: dict[str, Kind] = {**dict.fromkeys(_paths_on_disk(layout), "unknown"), **known}
    with ThreadPoolExecutor(_READERS, thread_name_prefix="mtstore-verify") as pool:
        for facts in pool.map(lambda item: _facts_of(layout, *item), sorted(kinds.items())):
            found[facts.path] = facts
            on_file(facts)
    return found


def _facts_of(layout: Layout, path: str, kind: Kind) -> FileFacts:
    return FileFacts(path, kind) if kind == "unknown" else read_facts(layout.root, path, kind)


def are_readable(facts: Iterable[FileFacts]) -> bool:
    """Return whether views over the known files can be read."""
    return all(one.is_there and one.error is None for one in facts if one.kind != "unknown")


def footer_lookup(facts: Iterable[FileFacts], fallback: Mapping[str, DataFile]) -> FileLookup:
    """Return a lookup of data files for a replay: in their footers, else in `fallback`."""
    footers = {one.path: one.footer for one in facts if one.footer is not None}
    return lambda path: footers[path] if path in footers else fallback[path]


def _paths_on_disk(layout: Layout) -> Iterator[str]:
    for folder in ("data", "meta"):
        for path in (layout.root / folder).rglob("*"):
            if layout.log not in path.parents and (path.is_file() or path.is_symlink()):
                yield str(path.relative_to(layout.root))


def files_on_disk(layout: Layout) -> dict[str, Kind]:
    """Return the files under data/ and meta/ with the kind of their folder, for a store without readable metadata."""
    return {
        path: kind
        for path in _paths_on_disk(layout)
        for folder, kind in _FOLDERS.items()
        if path.startswith(f"{folder}/")
    }


def check_checksums(facts: Iterable[FileFacts]) -> list[Problem]:
    """Check files without any metadata: whether they exist and match their checksums."""
    with closing(new_instance()) as connection:
        return run_checks(connection, facts, _CHECKS_OF_CHECKSUMS)


def run_checks(
    connection: duckdb.DuckDBPyConnection, facts: Iterable[FileFacts], names: Iterable[str] = CHECKS
) -> list[Problem]:
    """Run checks of `sql/checks/`; return the first problem of each file."""
    connection.register("found_files", facts_table(facts))
    found: dict[str, Problem] = {}
    for name in names:
        for row in fetch_rows(connection, sqlfiles.load(f"checks/{name}")):
            found.setdefault(row["path"], Problem(**row, check=name))
    connection.unregister("found_files")
    return list(found.values())


def check_derived(layout: Layout) -> Iterator[Problem]:
    """Check cached results and tables: their digests match, and every file is in its folder's manifest."""
    for folder in sorted((layout.root / "derived").glob("*")):
        digests = checksum.read_manifest(folder)
        for path in sorted(folder.iterdir()):
            is_manifest = path.name == checksum.MANIFEST
            if digests is None or not (is_manifest or digests.get(path.name) == checksum.digest_of(path)):
                yield Problem(
                    str(path.relative_to(layout.root)),
                    "is not what was computed",
                    "delete its folder (or let `mtstore repair` set it aside); it is recomputed when it is needed",
                    "derived",
                )
