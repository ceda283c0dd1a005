"""Forgetting coverage: the ledger with some ranges of one series cut out, for bars that the store has no more.

A newer row of the ledger wins only where its readers look at order, and a failed one never does; so what was said of
lost bars must go, and not merely be contradicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.ranges import Ranges, TimeRange, iso_instant, normalise, subtract
from mtstore.storage.commit import replay
from mtstore.storage.commit.commit_log import LogRecord

if TYPE_CHECKING:
    import duckdb

_TABLE = "coverage_ledger"


def record(source: str, schema: str, ticker: str, ranges: Iterable[TimeRange]) -> LogRecord:
    """A log record after which the ledger says nothing of these ranges."""
    bounds = [[span.start_us, span.end_us] for span in normalise(ranges)]
    return LogRecord("forget", _TABLE, {"source": source, "schema": schema, "ticker": ticker, "ranges": bounds})


def forget(connection: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Cut the ranges of such records out of the ledger of the current database; the order of what stays is kept."""
    ledger = fetch_rows(connection, sqlfiles.load("commit.coverage_ledger"))
    for row in rows:
        hole = normalise(TimeRange(*bounds) for bounds in row["ranges"])
        ledger = [part for old in ledger for part in _cut(old, row, hole)]
    connection.execute(sqlfiles.load("commit.clear_coverage_ledger"))
    if ledger:
        replay.upsert_rows(connection, _TABLE, [_as_record_row(row) for row in ledger])


def _cut(old: dict[str, Any], row: dict[str, Any], hole: Ranges) -> Iterator[dict[str, Any]]:
    """A row of the ledger: as it is, or as one for the other tickers and one for what is left of this one."""
    is_met = (old["source"], old["schema"]) == (row["source"], row["schema"]) and row["ticker"] in old["tickers"]
    spoken = normalise(TimeRange(*bounds) for bounds in zip(old["starts_us"], old["ends_us"], strict=True))
    left = subtract(spoken, hole) if is_met else spoken
    if left == spoken:
        yield old
        return
    others = [ticker for ticker in old["tickers"] if ticker != row["ticker"]]
    if others:
        yield old | {"tickers": others}
    if left:
        yield old | {
            "tickers": [row["ticker"]],
            "starts_us": [span.start_us for span in left],
            "ends_us": [span.end_us for span in left],
        }


def _as_record_row(row: dict[str, Any]) -> dict[str, Any]:
    row = dict(row)
    bounds = zip(row.pop("starts_us"), row.pop("ends_us"), strict=True)
    row["ranges"] = [{"start_ts": iso_instant(start), "end_ts": iso_instant(end)} for start, end in bounds]
    for column in ("fetched_at", "fresh_until"):
        at_us = row.pop(f"{column}_us")
        row[column] = None if at_us is None else iso_instant(at_us)
    return row
