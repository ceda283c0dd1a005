"""Propose the mappings of files, and show what would be stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from mtstore.arguments import first_few
from mtstore.errors import BrokenFileError, IngestError
from mtstore.ingest.sniff.draft import Draft
from mtstore.ingest.sniff.layouts import FileGroup, divide_files
from mtstore.ingest.sniff.preview import MOST_BYTES, Preview, TrialStore
from mtstore.ingest.sniff.propose import propose
from mtstore.ingest.sniff.result import SniffedLayout, SniffResult
from mtstore.sources.custom.mapping.parse_mapping import parse_mapping
from mtstore.sources.detect_format import expand_paths

_MOST_FILES: Final = 20


def sniff(
    paths: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    schema: str | None = None,
    ticker: str | None = None,
    tz: str | None = None,
) -> SniffResult:
    """Propose how to read parquet and CSV files, and show what would be stored; no store is changed.

    Parameters
    ----------
    paths
        Files, folders (searched recursively) and globs.
    schema, ticker, tz
        What is known of the files: width of the bars, ticker of all rows, zone of times without one.

    Returns
    -------
    SniffResult
        A mapping for each layout; `print` shows it as YAML with reasons and the first bars.

    Raises
    ------
    InputError
        A path does not exist, or a folder contains no file.
    UnrecognisedFileError, BrokenFileError
        None of the files is a table of bars.
    """
    given = {key: value for key, value in (("schema", schema), ("ticker", ticker), ("tz", tz)) if value is not None}
    side: list[Path] = []
    files = expand_paths(map(Path, [paths] if isinstance(paths, str | PathLike) else paths), side)
    found = divide_files(files)
    drafts: list[tuple[FileGroup, Draft]] = []
    for group in found.groups:
        try:
            _add(drafts, group, propose(_with_most_evidence(group), given))
        except IngestError as error:
            found.others |= {path: str(error) for path in group.files}
    if not (drafts or found.known):
        raise _refusal(found.others)
    layouts = []
    if drafts:
        with TrialStore() as trial:
            layouts = [SniffedLayout(tuple(group.files), draft, _try(trial, group, draft)) for group, draft in drafts]
    return SniffResult(tuple(layouts), dict(found.known), found.others)


def _with_most_evidence(group: FileGroup) -> FileGroup:
    """Return the group with the largest file first, of those that are read in a moment."""
    sizes = {path: path.stat().st_size for path in _spread(group.files)}
    first = max(sizes, key=lambda path: (sizes[path] <= MOST_BYTES, sizes[path]))
    return FileGroup(group.format, [first, *(path for path in group.files if path != first)])


def _spread(files: Sequence[Path]) -> Sequence[Path]:
    """Return some of the files, evenly."""
    return files[:: -(-len(files) // _MOST_FILES)]


def _add(drafts: list[tuple[FileGroup, Draft]], group: FileGroup, draft: Draft) -> None:
    """Add a group, or its files to those of a group with the same mapping."""
    same = next((one for one, other in drafts if (one.format, other.tree) == (group.format, draft.tree)), None)
    if same is None:
        drafts.append((group, draft))
    else:
        same.files += group.files


def _try(trial: TrialStore, group: FileGroup, draft: Draft) -> Preview:
    """Store some of the files, as far as they can be read in a moment."""
    first = _with_most_evidence(group).files[0]
    chosen, size = {first}, first.stat().st_size
    # Without the tickers, bars of several files would be in conflict.
    for path in () if "ticker" in draft.choices else _spread(group.files):
        size += path.stat().st_size
        if size <= MOST_BYTES:
            chosen.add(path)
    return trial.preview([path for path in group.files if path in chosen], parse_mapping(draft.assumed()))


def _refusal(others: Mapping[Path, str]) -> IngestError:
    reasons = list(dict.fromkeys(others.values()))
    if len(reasons) == 1:
        return BrokenFileError(reasons[0])
    names = first_few([path.name for path in others])
    return BrokenFileError(f"none of {len(others):,} files is a table of bars ({names}); the first: {reasons[0]}")
