"""Digests of the sessions that exchange_calendars lists under pandas 2, one per calendar and year.

    PYTHONPATH=. python -m tests.kits.session_digests      prints the CSV; run it with pandas 2

A digest covers date, open, close, break and half day of each session of a year.
"""

from __future__ import annotations

import csv
import hashlib
import sys
import warnings
from collections import defaultdict
from datetime import date
from pathlib import Path

import pandas as pd

from mtstore.calendars import session_table
from mtstore.calendars.library import library

ANSWERS = Path(__file__).parent.parent / "calendars" / "library_digests.csv"
YEARS = range(1990, 2027)


def digests(calendar: str) -> dict[str, str]:
    """Return the digest of each year in which a calendar has sessions."""
    years: dict[int, list[str]] = defaultdict(list)
    for row in session_table(calendar, last=date(YEARS[-1], 12, 31)).to_pylist():
        instants = [row[f"{name}_ts"] for name in ("open", "close", "break_start", "break_end")]
        texts = [one.isoformat() if one else "" for one in instants]
        years[row["session_date"].year].append(f"{row['session_date']} {texts} {row['is_half_day']}")
    return {
        str(year): hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8] for year, lines in sorted(years.items())
    }


def main() -> None:
    """Print the digests of all calendars as CSV."""
    if not pd.__version__.startswith("2."):
        sys.exit(f"these answers are made with pandas 2, not {pd.__version__}")
    warnings.simplefilter("ignore")
    writer = csv.DictWriter(sys.stdout, ["calendar", *map(str, YEARS)], lineterminator="\n")
    writer.writeheader()
    for name in sorted(library().get_calendar_names(include_aliases=False)):
        writer.writerow({"calendar": name, **digests(name)})


if __name__ == "__main__":
    main()
