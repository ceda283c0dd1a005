"""The hand-made answers: one folder for each, with bars, the statement, how the answer was made, and the answer."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "answers"
CASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file as text; none if there is no such file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def statement(case: str) -> str:
    """The statement of a case, its comment with it."""
    return (FOLDER / case / "case.sql").read_text(encoding="utf-8").strip().removesuffix(";")


def expected(case: str) -> tuple[list[str], list[list[str]]]:
    """Column names and rows of a case's answer, as text."""
    with (FOLDER / case / "answer.csv").open(encoding="utf-8", newline="") as lines:
        names, *rows = csv.reader(lines)
    return names, rows


def fill(market: Any, case: str) -> None:
    """Put a case's bars, settings, splits and dividends into an empty market."""
    series: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for row in read_rows(FOLDER / case / "bars.csv"):
        key = (row["ticker"], row["schema"], row.get("source") or "polygon", row.get("day_tz") or "UTC")
        values = [
            float(row[name]) if row[name] else None for name in ("open", "high", "low", "close", "volume", "vwap")
        ]
        trades = int(row["transactions"]) if row["transactions"] else None
        series.setdefault(key, []).append((row["ts_event"], *values, trades))
    for (ticker, schema, source, day_tz), rows in series.items():
        market.add_bars(ticker, rows, schema=schema, source=source, day_tz=day_tz)
    for row in read_rows(FOLDER / case / "tickers.csv"):
        market.configure(**row)
    for row in read_rows(FOLDER / case / "splits.csv"):
        market.add_split(row["ticker"], row["day"], float(row["split_from"]), float(row["split_to"]))
    for row in read_rows(FOLDER / case / "dividends.csv"):
        market.add_dividend(row["ticker"], row["day"], float(row["cash"]))


def as_text(value: Any) -> str:
    """A value of a result as an answer file writes it: instants in UTC to the minute, durations in seconds."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M" if value.second == 0 else "%Y-%m-%dT%H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}"
    return str(value)
