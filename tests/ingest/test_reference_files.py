"""Splits and dividends from files: what goes in, what is refused and where, and what adjustment makes of it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from mtstore.errors import BrokenFileError
from mtstore.ingest.files.report import IngestWarning
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


def dividends_file(folder: Path, *events: tuple[str, str, float], name: str = "dividends.json") -> Path:
    """Polygon's response with events of (id, ticker, amount), all on one date."""
    rows = [
        {"id": id, "ticker": ticker, "ex_dividend_date": "2024-01-16", "cash_amount": amount, "dividend_type": "CD"}
        for id, ticker, amount in events
    ]
    path = folder / name
    path.write_text(json.dumps({"status": "OK", "results": rows}))
    return path


def amounts(store) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = store.sql(
        "SELECT ticker, cash_amount, event_id FROM dividends ORDER BY ALL"
    ).fetchall()
    return found


def test_events_of_one_date_all_count_and_exact_duplicates_once(store, tmp_path):
    splits = splits_file(tmp_path, HEADER + "A,2024-01-02,500,1,\nA,2024-01-02,1,500,\nA,2024-01-02,1,500,\n")
    plain = tmp_path / "plain.csv"
    plain.write_text("ticker,ex_dividend_date,cash_amount\nA,2024-01-16,3.00\nA,2024-01-16,0.08\n")
    with_ids = dividends_file(tmp_path, ("1", "B", 1), ("2", "B", 1), ("3", "C", 2), ("3", "C", 2))
    store.ingest_references(splits=[splits], dividends=[plain, with_ids])
    for _ in range(2):
        found = store.sql("SELECT split_from, split_to FROM splits ORDER BY ALL").fetchall()
        assert found == [(1.0, 500.0), (500.0, 1.0)]
        assert amounts(store) == [("A", 0.08, None), ("A", 3.0, None), ("B", 1, "1"), ("B", 1, "2"), ("C", 2, "3")]
        store.rebuild()


def test_an_id_names_the_event_that_a_correction_replaces_also_after_a_rebuild(store, tmp_path):
    store.ingest_references(dividends=[dividends_file(tmp_path, ("4", "C", 5), ("5", "C", 1))])
    store.ingest_references(dividends=[dividends_file(tmp_path, ("4", "C", 3), name="better.json")])
    splits = "ticker,execution_date,split_from,split_to,event_id\nA,{},1,{},first\n"
    store.ingest_references(splits=[splits_file(tmp_path, splits.format("2024-01-02", 7))])
    store.ingest_references(splits=[splits_file(tmp_path, splits.format("2024-01-03", 4), "better.csv")])
    for _ in range(2):
        assert amounts(store) == [("C", 1.0, "5"), ("C", 3.0, "4")]
        found = store.sql("SELECT execution_date, split_to FROM splits").fetchall()
        assert found == [(date(2024, 1, 3), 4.0)]
        store.rebuild()


@pytest.mark.parametrize("is_plain_first", [True, False])
def test_a_report_without_an_id_is_of_the_event_with_its_date_and_amount(store, tmp_path, is_plain_first):
    plain = tmp_path / "plain.csv"
    plain.write_text("ticker,ex_dividend_date,cash_amount\nA,2024-01-16,3.00\nA,2024-01-16,0.08\n")
    files = [plain, dividends_file(tmp_path, ("1", "A", 3.0))]
    for path in files if is_plain_first else files[::-1]:
        store.ingest_references(dividends=[path])
    assert amounts(store) == [("A", 0.08, None), ("A", 3.0, "1")]


def test_events_without_an_id_from_several_files_all_count_and_are_reported_until_undone(store, tmp_path):
    store.ingest_references(splits=[splits_file(tmp_path, HEADER + "A,2024-01-02,1,7,\n")])
    better = splits_file(tmp_path, HEADER + "A,2024-01-02,1,4,\n", "better.csv")
    with pytest.warns(IngestWarning, match=r"A has 2 splits on 2024-01-02, from several files.*mtstore undo"):
        report = store.ingest_references(splits=[better])
    assert store.sql("SELECT split_to FROM splits ORDER BY 1").fetchall() == [(4.0,), (7.0,)]
    store.undo(report.run_id)
    for _ in range(2):
        assert store.sql("SELECT split_to FROM splits").fetchall() == [(7.0,)]
        store.rebuild()


def test_undo_brings_back_the_event_that_a_run_corrected(store, tmp_path):
    store.ingest_references(dividends=[dividends_file(tmp_path, ("4", "C", 5))])
    store.ingest_references(dividends=[dividends_file(tmp_path, ("4", "C", 3), ("6", "D", 1), name="better.json")])
    store.undo()
    for _ in range(2):
        assert amounts(store) == [("C", 5.0, "4")]
        store.rebuild()


def test_a_store_whose_dividends_are_undone_is_sound(store, tmp_path):
    write(store, answer("C", {0: 100.0}, minutes(0, 10)))
    store.ingest_references(dividends=[dividends_file(tmp_path, ("4", "C", 5))])
    assert store.sql("SELECT count(*) FROM core.dividend_closes").fetchall() == [(1,)]
    store.undo()
    assert amounts(store) == []
    assert store.verify().is_sound


def test_of_two_sources_with_events_on_a_date_the_one_seen_last_counts(store, tmp_path):
    store.ingest_references(dividends=[dividends_file(tmp_path, ("1", "A", 3.0), ("2", "A", 0.08))])
    store.ingest_references(dividends=[dividends_file(tmp_path, ("x", "A", 3.1), name="other.json")], source="other")
    assert amounts(store) == [("A", 3.1, "x")]
    assert store.sql("SELECT count(*) FROM core.dividends").fetchall() == [(3,)]


def test_rebuild_restores_events_of_one_date_that_the_first_stores_dropped(store, tmp_path):
    def record(*values: tuple[float, float]) -> None:
        with store.repository.writer("references") as writer:
            for split_from, split_to in values:
                key = {"ticker": "A", "execution_date": date(2024, 1, 2), "source": "polygon"}
                row = key | {"split_from": split_from, "split_to": split_to, "seen_at": datetime.now(UTC)}
                writer.record("splits", row)

    # The first stores recorded no event_id, and a later commit's events replaced those of the same date.
    record((1.0, 7.0))
    record((500.0, 1.0), (1.0, 500.0))
    store.rebuild()
    found = store.sql("SELECT split_from, split_to, event_id FROM splits ORDER BY 1").fetchall()
    assert found == [(1.0, 500.0, None), (500.0, 1.0, None)]


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
            r"no column 'split_to'; splits have .*split_to, event_id, the file",
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
