"""Take back what a run brought, as a new commit.

The data files that the run added are retired, those that it had retired become active again, and its coverage and
inputs leave the ledger, so that older answers count again and the same files can be ingested again. Splits and
dividends become what they would be without the run, and so do coverage and inputs of earlier runs that it had removed,
because it read their files with another mapping. `core.ingest_runs` keeps the run, as `undone`; its quarantined rows
and revisions stay on disk, and their views no longer show them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import InputError
from mtstore.ranges import TimeRange, intersect, normalise
from mtstore.storage.commit.commit_log import read_entry
from mtstore.storage.files.active_files import all_active_files
from mtstore.storage.files.data_file import DataFile, read_footer
from mtstore.storage.layout import new_id
from mtstore.storage.maintenance.rows_without import restore_coverage_and_inputs, restore_events

if TYPE_CHECKING:
    from mtstore.storage.commit.commit import Commit
    from mtstore.storage.repository import Repository

_Series = tuple[str, str, str]  # schema, source, ticker


@dataclass(frozen=True, slots=True)
class UndoResult:
    """What `undo` took back.

    Attributes
    ----------
    run_id
        The run that was undone.
    tickers
        Those whose bars or coverage it had changed.
    rows_removed, rows_restored
        Rows of the data files that are no longer active, and of those that are active again.
    snapshot
        The number of the new snapshot.
    """

    run_id: str
    tickers: tuple[str, ...]
    rows_removed: int
    rows_restored: int
    snapshot: int


def undo(store: Repository, run_id: str | None = None) -> UndoResult:
    """Take back what a run brought; by default the newest run that is not undone.

    Parameters
    ----------
    run_id
        The run's name as in `ingest_runs`, or the beginning of it.

    Raises
    ------
    InputError
        No such run wrote bars, a later run or `compact` built on it, or the files that it replaced are deleted because
        the grace period is over. Nothing is changed then.
    """
    with store.begin("undo") as commit:
        name = _find_run(commit, run_id)
        found = fetch_rows(commit.reader, sqlfiles.load("undo.snapshots_of_run"), {"run_id": name})
        snapshots = _snapshots_of(commit, name, [row["generation"] for row in found])
        added, gone = _file_changes(commit, snapshots)
        active = (file for files in all_active_files(commit.reader).values() for file in files)
        removed = [file for file in active if file.path in added]
        restored = _retired_files(commit, name, snapshots, gone)
        since = fetch_rows(commit.reader, sqlfiles.load("undo.coverage_since"), {"snapshot": snapshots[0]})
        touched = _touched(since, name, [*removed, *restored])
        _check_coverage_since(since, name, touched)
        _check_files_since(commit, name, found[0]["written_at"], touched, {file.path for file in removed})
        commit.retire(removed)
        commit.restore(restored)
        restore_events(commit, snapshots)
        _remove_from_ledger(commit, name)
        restore_coverage_and_inputs(commit, name, snapshots)
        rows_removed, rows_restored = (sum(file.row_count for file in files) for files in (removed, restored))
        tickers = tuple(sorted({ticker for _, _, ticker in touched}))
        _record_runs(commit, name, rows_restored, len(tickers), len(removed) + len(restored))
        return UndoResult(name, tickers, rows_removed, rows_restored, commit.finish())


def _find_run(commit: Commit, given: str | None) -> str:
    names = [row["run_id"] for row in fetch_rows(commit.reader, sqlfiles.load("undo.runs"))]
    if given is None:
        if not names:
            raise InputError("run: the store has no run to undo")
        return str(names[0])
    matching = [name for name in names if name == given] or [name for name in names if name.startswith(given)]
    if len(matching) == 1:
        return str(matching[0])
    if matching:
        raise InputError(f"run: {given!r} begins the names of {len(matching)} runs: {', '.join(matching[:3])}")
    hint = f"; the newest is {names[0]}" if names else ""
    for row in fetch_rows(commit.reader, sqlfiles.load("undo.run"), {"run_id": given}):
        if row["status"] != "undone" and row["kind"] != "undo":
            raise InputError(f"run: {given} left nothing to undo: it brought nothing, or later runs replaced it{hint}")
    raise InputError(f"run: was {given!r}; use a run of ingest_runs that brought bars and is not undone{hint}")


def _snapshots_of(commit: Commit, run_id: str, found: Sequence[int]) -> list[int]:
    """Return the snapshots of a run: those `found` in the ledger, and those that only removed coverage."""
    since = (one for one in commit.layout.snapshots(commit.layout.log) if one > found[0])
    removed = (
        snapshot
        for snapshot in since
        for record in read_entry(commit.layout.log_file(snapshot), "coverage_ledger").records
        if record.op == "forget" and record.row.get("run_id") == run_id
    )
    return sorted({*found, *removed})


def _file_changes(commit: Commit, snapshots: Iterable[int]) -> tuple[set[str], set[str]]:
    """Return the paths of the data files that a run's commits added, and the ids of those that they retired."""
    added: set[str] = set()
    retired: set[str] = set()
    for snapshot in snapshots:
        for record in read_entry(commit.layout.log_file(snapshot), "files").records:
            if record.op == "put":
                added.add(record.row["path"])
            else:
                retired.add(record.row["file_id"])
    return added, retired - {Path(path).stem for path in added}


def _retired_files(commit: Commit, run_id: str, snapshots: Sequence[int], gone: set[str]) -> list[DataFile]:
    """Return the retired data files `gone`; InputError if one of them is deleted."""
    retired = fetch_rows(commit.reader, sqlfiles.load("undo.retired_by"), {"snapshots": list(snapshots)})
    available = {row["file_id"]: row for row in retired if row["retired_at"] >= commit.at - commit.grace}
    if lost := gone - available.keys():
        raise InputError(
            f"run: {run_id} cannot be undone: {len(lost)} of the {len(gone)} data files that it replaced are deleted, "
            f"because the grace period of {commit.grace} is over; ingest what was there before it again"
        )
    return [read_footer(commit.layout.root, available[file_id]["path"])[0] for file_id in sorted(gone)]


def _touched(since: Iterable[dict[str, Any]], run_id: str, files: Iterable[DataFile]) -> dict[_Series, list[TimeRange]]:
    """Return the time of each series that the run covered or changed."""
    touched: dict[_Series, list[TimeRange]] = defaultdict(list)
    for row in since:
        if row["run_id"] == run_id:
            touched[row["schema"], row["source"], row["ticker"]] += _ranges(row)
    for file in files:
        touched[file.schema, file.source, file.ticker].append(TimeRange(file.ts_min_us, file.ts_max_us + 1))
    return dict(touched)


def _check_coverage_since(
    since: Iterable[dict[str, Any]], run_id: str, touched: dict[_Series, list[TimeRange]]
) -> None:
    """Raise InputError if a later run changed or confirmed what the run brought."""
    for row in since:
        series = (row["schema"], row["source"], row["ticker"])
        if row["run_id"] != run_id and intersect(normalise(touched.get(series, ())), _ranges(row)):
            raise _built_on(run_id, series, f"run {row['run_id']}")


def _check_files_since(
    commit: Commit, run_id: str, written_at: datetime, touched: dict[_Series, list[TimeRange]], own: set[str]
) -> None:
    """Raise InputError if a later run or `compact` merged the run's files into others."""
    parameters = {"written_at": written_at}
    for (path,) in commit.reader.execute(sqlfiles.load("undo.files_since"), parameters).fetchall():
        file, provenance = read_footer(commit.layout.root, path)
        series = (file.schema, file.source, file.ticker)
        # A merged file covers what the files covered that it was made of.
        held = normalise([*provenance.covers, TimeRange(file.ts_min_us, file.ts_max_us + 1)])
        if file.path not in own and intersect(normalise(touched.get(series, ())), held):
            raise _built_on(run_id, series, f"run {provenance.run_id}")


def _built_on(run_id: str, series: _Series, later: str) -> InputError:
    schema, source, ticker = series
    return InputError(
        f"run: {run_id} cannot be undone: {later} built on its bars of {ticker} ({schema}, {source}); "
        "undo the later run first, or ingest the right bars over these"
    )


def _ranges(row: dict[str, Any]) -> tuple[TimeRange, ...]:
    return tuple(TimeRange(*bounds) for bounds in zip(row["starts_us"], row["ends_us"], strict=True))


def _remove_from_ledger(commit: Commit, run_id: str) -> None:
    commit.delete("coverage_ledger", [{"run_id": run_id}])
    commit.delete("inputs", fetch_rows(commit.reader, sqlfiles.load("undo.inputs_of_run"), {"run_id": run_id}))


def _record_runs(commit: Commit, run_id: str, rows: int, tickers: int, files: int) -> None:
    at = commit.at
    undone = fetch_rows(commit.reader, sqlfiles.load("undo.run"), {"run_id": run_id})
    ended = {"started_at": at, "finished_at": at, "quarantined_rows": 0, "error": None}
    counts = {"tickers": tickers, "files": files, "rows": rows}
    # A killed run left no row of its own.
    killed = ended | counts | {"run_id": run_id, "kind": "ingest", "rows": 0, "arguments": None}
    commit.upsert("ingest_runs", [(undone[0] if undone else killed) | {"status": "undone"}])
    arguments = json.dumps({"run_id": run_id})
    own = {"run_id": new_id(), "kind": "undo", "status": "complete", "arguments": arguments}
    commit.upsert("ingest_runs", [ended | counts | own])
