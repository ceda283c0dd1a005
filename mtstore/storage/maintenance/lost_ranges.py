"""What the log has to say of files that are damaged or gone: the files leave the tables, and so does what was known.

Their bars were in [first bar, last bar]; that much of the coverage is forgotten, and called failed, so that the next
load asks for it again. Inputs of the same series may be ingested again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mtstore.bars import step_us
from mtstore.ranges import TimeRange, iso_instant, normalise
from mtstore.storage.commit import commit_log as log
from mtstore.storage.commit import forget
from mtstore.storage.files.data_file import DataFile
from mtstore.storage.files.file_facts import Kind
from mtstore.storage.layout import decode_ticker, new_id

_REASON: Final = "its file was damaged or missing; `mtstore repair` set it aside"
# Where nobody can say which bars a lost file of daily bars held.
_ALL_TIME: Final = TimeRange(-2_208_988_800_000_000, 7_258_118_400_000_000)  # 1900 to 2200


@dataclass(frozen=True, order=True, slots=True)
class LostRange:
    """Ranges of one series of which the store no longer says anything."""

    source: str
    schema: str
    ticker: str
    ranges: tuple[TimeRange, ...]


def lost_ranges_of(paths: Iterable[str], recorded: Mapping[str, DataFile]) -> list[LostRange]:
    """What was lost with some data files; where no metadata are left of one, its whole folder's range."""
    spans: dict[tuple[str, str, str], list[TimeRange]] = {}
    for path in paths:
        keys = dict(part.split("=", 1) for part in Path(path).parent.parts if "=" in part)
        series = keys["source"], keys["schema"], decode_ticker(keys["ticker"])
        file = recorded.get(path)
        if file is None:
            span = _whole_year(int(keys["year"])) if "year" in keys else _ALL_TIME
        else:
            span = TimeRange(file.ts_min_us, file.ts_max_us + step_us(file.schema))
        spans.setdefault(series, []).append(span)
    return [LostRange(*series, tuple(normalise(ranges))) for series, ranges in sorted(spans.items())]


def records(
    gone: Mapping[str, Kind], lost: Iterable[LostRange], entries: Iterable[log.LogEntry], at: datetime
) -> Iterator[log.LogRecord]:
    """The records of one commit: files leave the tables, coverage is forgotten, inputs may come again."""
    for kind, table, key in (("data", "files", "file_id"), ("retired", "retired_files", "file_id")):
        for path in sorted(path for path, found in gone.items() if found == kind):
            yield log.LogRecord("delete", table, {key: Path(path).stem})
    for path in sorted(path for path, found in gone.items() if found in {"quarantine", "revisions"}):
        yield log.LogRecord("delete", "meta_files", {"path": path})
    lost = list(lost)
    for one in lost:
        yield forget.record(one.source, one.schema, one.ticker, one.ranges)
    yield from log.upserts("coverage_ledger", [_failed(one, at) for one in lost])
    series = {(one.source, one.schema) for one in lost}
    for key in sorted(_inputs_of(entries, series)):
        yield log.LogRecord("delete", "inputs", {"input_key": key})


def _failed(lost: LostRange, at: datetime) -> dict[str, Any]:
    return {
        "source": lost.source,
        "schema": lost.schema,
        "tickers": [lost.ticker],
        "ranges": [
            {"start_ts": iso_instant(span.start_us), "end_ts": iso_instant(span.end_us)} for span in lost.ranges
        ],
        "result": "failed",
        "reason": _REASON,
        "request_key": "",
        "run_id": f"repair-{new_id()}",
        "fetched_at": at,
        "fresh_until": None,
    }


def _inputs_of(entries: Iterable[log.LogEntry], series: set[tuple[str, str]]) -> set[str]:
    """The keys of the input files that such series came from."""
    rows = (record.row for entry in entries for record in entry.records if record.table == "inputs")
    return {row["input_key"] for row in rows if (row.get("source"), row.get("schema")) in series}


def _whole_year(year: int) -> TimeRange:
    bounds = (int(datetime(number, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 for number in (year, year + 1))
    return TimeRange(*bounds)
