"""Splits and dividends from files: what goes in, what is refused and where, and what adjustment makes of it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from mtstore.errors import BrokenFileError
from mtstore.sources.custom.splits_and_dividends import read_reference_file
from tests.kits.stores import answer, minutes, write

GENUINE = Path(__file__).resolve().parents[3] / "shared/data/polygon_json"
HEADER = "ticker,execution_date,split_from,split_to,declared\n"


def splits_file(folder: Path, text: str, name: str = "splits.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_splits_and_dividends_go_into_their_tables_and_the_same_bytes_only_once(store, tmp_path):
    splits = splits_file(tmp_path, HEADER + "NA,2014-06-09,1,7,x\nO'X,2024-01-02,1.5,1,\n")
    dividends = tmp_path / "dividends.json"
    dividends.write_text(json.dumps([{"ticker": "NA", "ex_dividend_date": "2024-05-10", "cash_amount": 0.25}]))
    report = store.ingest_references(splits=[splits], dividends=[dividends])
    assert report.is_complete
    assert (report.rows, report.tickers, report.commits) == (3, 2, 1)
    statement = "SELECT ticker, execution_date, split_from, split_to, source FROM splits ORDER BY ticker"
    assert store.sql(statement).fetchall() == [
        ("NA", date(2014, 6, 9), 1.0, 7.0, "polygon"),
        ("O'X", date(2024, 1, 2), 1.5, 1.0, "polygon"),
    ]
    assert store.sql("SELECT ticker, cash_amount, currency FROM dividends").fetchall() == [("NA", 0.25, None)]
    again = store.ingest_references(splits=[splits], dividends=[dividends])
    assert [outcome.status for outcome in again.files] == ["unchanged", "unchanged"]
    assert again.snapshot == report.snapshot


def test_a_corrected_split_replaces_the_one_before_also_after_a_rebuild(store, tmp_path):
    store.ingest_references(splits=[splits_file(tmp_path, HEADER + "A,2024-01-02,1,7,\n")])
    store.ingest_references(splits=[splits_file(tmp_path, HEADER + "A,2024-01-02,1,4,\n", "better.csv")])
    for _ in range(2):
        assert store.sql("SELECT split_to FROM splits").fetchall() == [(4.0,)]
        store.rebuild()


def test_split_from_file_adjusts_earlier_bars(store, tmp_path):
    write(store, answer("A", {0: 70.0, 1_440: 10.0}, minutes(0, 3_000)))
    days = [str(row[0]) for row in store.sql("SELECT DISTINCT session_date FROM bars_local ORDER BY 1").fetchall()]
    store.ingest_references(splits=[splits_file(tmp_path, HEADER + f"A,{days[1]},1,7,\n")])
    closes = "SELECT close FROM resampled(['A'], '1min', session := 'all', adjust := 'splits')"
    assert [close for (close,) in store.sql(closes).fetchall()] == pytest.approx([10.0, 10.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "ticker,execution_date,split_from\nA,2024-01-02,1\n",
            r"no column 'split_to'; splits have .*split_to, the file",
        ),
        (HEADER + "A,2024-01-02,1,7,\nA,2024-13-02,1,7,\n", r"line 3: 'execution_date' is '2024-13-02'; use a date"),
        (HEADER + "A,2024-01-02,0,7,\n", r"line 2: 'split_from' is '0'; use a number above 0"),
        (HEADER + "A,2024-01-02,nan,7,\n", r"line 2: 'split_from' is 'nan'; use a number above 0"),
        (HEADER + ",2024-01-02,1,7,\n", r"line 2: 'ticker' is missing"),
        ('{"results": [{"ticker": 7}]}', r"results\[0\]: 'ticker' is 7; use text"),
        ('{"results": [', "not JSON"),
        ('{"status": "OK"}', "needs a list 'results'"),
        ('{"results": [], "next_url": "https://api.polygon.io/x"}', "one page of several"),
        ("", "the file has no header line"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_with_its_place_and_the_others_go_in(store, tmp_path, text, message):
    good = splits_file(tmp_path, HEADER + "A,2024-01-02,1,7,\n")
    report = store.ingest_references(splits=[splits_file(tmp_path, text, "bad"), good])
    assert [outcome.status for outcome in report.files] == ["rejected", "ingested"]
    with pytest.raises(BrokenFileError, match=message):
        read_reference_file(tmp_path / "bad", "splits")
    assert str(tmp_path / "bad") in report.files[0].error
    assert store.sql("SELECT ticker, split_to FROM splits").fetchall() == [("A", 7.0)]
    assert store.sql("SELECT status, kind FROM ingest_runs").fetchall() == [("incomplete", "references")]


@pytest.mark.skipif(not GENUINE.is_dir(), reason="the genuine vendor samples are not here")
def test_genuine_answers_of_polygon_go_in_as_they_are(store, tmp_path):
    pages = {}
    for kind in ("splits", "dividends"):
        page = json.loads((GENUINE / f"v3__reference__{kind}.json").read_text())
        page.pop("next_url", None)
        pages[kind] = tmp_path / f"{kind}.json"
        pages[kind].write_text(json.dumps(page))
    report = store.ingest_references(splits=[pages["splits"]], dividends=[pages["dividends"]])
    assert report.is_complete
    assert ("GOOGL", date(2022, 7, 18), 1.0, 20.0) in store.sql(
        "SELECT ticker, execution_date, split_from, split_to FROM splits"
    ).fetchall()
    assert store.sql("SELECT count(*) > 0 FROM dividends WHERE cash_amount = 0.59375").fetchall() == [(True,)]
