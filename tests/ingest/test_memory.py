"""Memory does not grow with the input: a large ingest in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mtstore.synthetic import Faults, SyntheticMarket, write_flat_files
from tests.kits.stores import run

INGEST = """
import resource, mtstore
with mtstore.open(args[0], create=True) as store:
    report = store.ingest(args[1])
    series = store.sql("SELECT count(*), sum(row_count)::BIGINT FROM core.series").fetchall()[0]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([report.rows, report.quarantined_rows, len(report.rejected), *series, peak]))
"""

MEGABYTE = 1_024  # ru_maxrss counts kilobytes


@pytest.mark.slow
def test_a_year_of_a_hundred_tickers_is_ingested_in_less_than_two_gigabytes(tmp_path: Path) -> None:
    market = SyntheticMarket(100, seed=1, faults=Faults.none(), extended_hours=False)
    days = write_flat_files(market, tmp_path / "in", "2023-01-01", "2023-12-31")
    rows, quarantined, refused, series, stored, peak = json.loads(run(INGEST, tmp_path / "store", tmp_path / "in"))
    assert (quarantined, refused, series) == (0, 0, 100)
    assert rows == stored > 9_000_000
    assert len(days) == 250
    assert peak < 2_000 * MEGABYTE
