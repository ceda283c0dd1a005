"""The ranges of lost data files, and the log records that remove the files and their coverage.

The range from a lost file's first bar to its last is removed from the coverage and recorded as failed, so that the next
load fetches it again. Input files of the same series may be ingested again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mtstore.bars import step_us
from mtstore.ranges import TimeRange, normalise
from mtstore.storage.commit.commit_log import LogEntry, LogRecord, upserts
from mtstore.storage.commit.coverage_ledger import range_values
from mtstore.storage.commit.replay import removal_record
from mtstore.storage.files.data_file import DataFile
from mtstore.storage.files.file_facts import Kind
from mtstore.storage.files.merge_partition import year_range
from mtstore.storage.layout import decode_ticker, new_id

_REASON: Final = "its file was damaged or missing; `mtstore repair` set it aside"
# For a lost file of daily bars that no metadata describe: 1900 to 2200.
_ALL_TIME: Final = TimeRange(-2_208_988_800_000_000, 7_258_118_400_000_000)


@dataclass(frozen=True, order=True, slots=True)
class LostRange:
    """Ranges of one series whose bars are lost."""

    source: str
    schema: str
    ticker: str
    ranges: tuple[TimeRange, ...]


def lost_ranges_of(paths: Iterable[str], recorded: Mapping[str, DataFile]) -> list[LostRange]:
    """Return the ranges of data files by series; for a file that is not `recorded`, its whole folder's range."""
    spans: dict[tuple[str, str, str], list[TimeRange]] = {}
    for path in paths:
        keys = dict(part.split("=", 1) for part in Path(path).parent.parts if "=" in part)
        file = recorded.get(path)
        if file is not None:
            span = TimeRange(file.ts_min_us, file.ts_max_us + step_us(file.schema))
        else:
            span = year_range(int(keys["year"])) if "year" in keys else _ALL_TIME
        spans.setdefault((keys["source"], keys["schema"], decode_ticker(keys["ticker"])), []).append(span)
    return [LostRange(*series, tuple(normalise(ranges))) for series, ranges in sorted(spans.items())]


def records(
    damaged: Mapping[str, Kind], lost: Iterable[LostRange], entries: Iterable[LogEntry], at: datetime
) -> Iterator[LogRecord]:
    """Yield the records of one commit: files leave the tables, coverage is removed, inputs may be ingested again."""
    for kind, table in (("data", "files"), ("retired", "retired_files")):
        for path in sorted(path for path, found in damaged.items() if found == kind):
            yield LogRecord("delete", table, {"file_id": Path(path).stem})
    for path in sorted(path for path, found in damaged.items() if found in {"quarantine", "revisions"}):
        yield LogRecord("delete", "meta_files", {"path": path})
    lost = list(lost)
    for one in lost:
        yield removal_record(one.source, one.schema, one.ticker, one.ranges)
    yield from upserts("coverage_ledger", [_failed_row(one, at) for one in lost])
    series = {(one.source, one.schema) for one in lost}
    for key in sorted(_input_keys(entries, series)):
        yield LogRecord("delete", "inputs", {"input_key": key})


def _failed_row(lost: LostRange, at: datetime) -> dict[str, Any]:
    return {
        "source": lost.source,
        "schema": lost.schema,
        "tickers": [lost.ticker],
        "ranges": range_values(lost.ranges),
        "result": "failed",
        "reason": _REASON,
        "request_key": "",
        "run_id": f"repair-{new_id()}",
        "fetched_at": at,
        "fresh_until": None,
    }


def _input_keys(entries: Iterable[LogEntry], series: set[tuple[str, str]]) -> set[str]:
    rows = (record.row for entry in entries for record in entry.records if record.table == "inputs")
    return {row["input_key"] for row in rows if (row.get("source"), row.get("schema")) in series}
