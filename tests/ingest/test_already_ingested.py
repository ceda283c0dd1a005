"""The same content again is a no-op while what it brought stands, and goes in anew once something has replaced it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from mtstore import CacheManager, Store
from mtstore.ingest.files.already_ingested import EarlierIngest, already_ingested
from mtstore.ingest.files.report import IngestResult
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
from mtstore.synthetic import Faults, SyntheticMarket, write_dbn
from tests.kits.flat_files import row, write_flat
from tests.kits.stores import answer, closes_of, minute_bars, minutes, write

Ingest = Callable[[Store, Path, str], IngestResult]


def status(report: IngestResult) -> list[str]:
    return [outcome.status for outcome in report.files]


def state(store: Store) -> list[tuple[Any, ...]]:
    return store.sql("SELECT ticker, epoch_us(ts_event), close FROM bars ORDER BY ALL").fetchall()


def flat(store: Store, folder: Path, which: str) -> IngestResult:
    rows = [row("A", "09:30", 10.0)] if which == "A" else [row("A", "09:30", 11.0), row("A", "09:31", 11.0)]
    path = folder / which / "minute_aggs_v1" / "2024-03-04.csv.gz"  # a gzip written twice is not the same bytes
    return store.ingest(path if path.exists() else write_flat(folder / which, rows))


def dbn(store: Store, folder: Path, which: str) -> IngestResult:
    path = folder / which / "x.dbn.zst"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        market = SyntheticMarket(["AAA"], seed=ord(which), faults=Faults.none())
        write_dbn(market, path, "2024-03-04", "2024-03-04", "ohlcv-1h")
    return store.ingest(path)


def own_file(store: Store, folder: Path, which: str, **options: Any) -> IngestResult:
    path = folder / f"{which}.parquet"
    pq.write_table(minute_bars({0: 1.0, 1: 1.0} if which == "A" else {0: 2.0, 2: 2.0}), path)
    return store.ingest(path, mapping=ColumnMapping("ohlcv-1m", ticker="A"), **options)


def own_file_that_covers(store: Store, folder: Path, which: str) -> IngestResult:
    return own_file(store, folder, which, covers=minutes(0, 10))


def frame(store: Store, folder: Path, which: str) -> IngestResult:
    del folder
    return store.ingest(minute_bars({0: 1.0 if which == "A" else 2.0}).to_pandas(), ticker="A", schema="ohlcv-1m")


def splits(store: Store, folder: Path, which: str) -> IngestResult:
    path = folder / f"{which}.csv"
    factor = 4 if which == "A" else 7
    path.write_text(f"ticker,execution_date,split_from,split_to,event_id\nA,2024-01-02,1,{factor},s\n")
    return store.ingest_references(splits=[path])


@pytest.mark.parametrize("ingest", [flat, dbn, own_file, own_file_that_covers, frame, splits])
def test_content_that_was_replaced_since_goes_in_again(store: Store, tmp_path: Path, ingest: Ingest) -> None:
    def content() -> list[tuple[object, ...]]:
        return state(store) + store.sql("SELECT ticker, split_to FROM splits").fetchall()

    ingest(store, tmp_path, "A")
    first = content()
    assert status(ingest(store, tmp_path, "B")) == ["ingested"]
    second = content()
    assert first != second
    assert status(ingest(store, tmp_path, "A")) == ["ingested"]
    if ingest is own_file:  # what covers nothing takes nothing away
        assert closes_of(store, "A") == {0: 1.0, 1: 1.0, 2: 2.0}
    else:
        assert content() == first
    snapshot = store.repository.layout.newest_snapshot()
    assert status(ingest(store, tmp_path, "A")) == ["unchanged"]
    assert store.repository.layout.newest_snapshot() == snapshot
    store.rebuild()
    snapshot = store.repository.layout.newest_snapshot()
    assert status(ingest(store, tmp_path, "A")) == ["unchanged"]
    assert store.repository.layout.newest_snapshot() == snapshot
    assert status(ingest(store, tmp_path, "B")) == ["ingested"]


def test_files_of_other_days_and_other_tickers_replace_nothing(store: Store, tmp_path: Path) -> None:
    one = own_file(store, tmp_path, "A")
    store.ingest(minute_bars({0: 5.0}).to_pandas(), ticker="B", schema="ohlcv-1m")
    store.ingest(minute_bars({2: 5.0, 9: 5.0}).to_pandas(), ticker="A", schema="ohlcv-1m")
    store.ingest(minute_bars({0: 5.0}).to_pandas(), ticker="A", schema="ohlcv-1m", source="other")
    store.ingest(minute_bars({0: 5.0}).to_pandas(), ticker="A", schema="ohlcv-1h")
    assert status(one) == ["ingested"]
    assert status(own_file(store, tmp_path, "A")) == ["unchanged"]


def test_a_folder_whose_files_replace_each_other_is_a_no_op_the_second_time(store: Store, tmp_path: Path) -> None:
    older = write_flat(tmp_path / "1", [row("A", "09:30", 10.0)])
    newer = write_flat(tmp_path / "2", [row("A", "09:30", 11.0)])
    store.ingest([older, newer])
    before = state(store)
    assert status(store.ingest([older, newer])) == ["unchanged", "unchanged"]
    assert status(store.ingest([newer])) == ["unchanged"]
    assert state(store) == before
    assert status(store.ingest([older])) == ["ingested"]
    assert [close for *_, close in state(store)] == [10.0]


def test_an_answer_of_a_cache_or_a_vendor_replaces_a_file_and_one_that_failed_does_not(
    store: Store, tmp_path: Path
) -> None:
    flat(store, tmp_path, "A")
    before = state(store)
    [(_, first_us, _)] = before
    write(store, answer("A", {}, minutes(0, 1, start_us=first_us), result="failed", reason="the vendor is down"))
    write(store, answer("B", {0: 1.0}, minutes(0, 1, start_us=first_us), start_us=first_us))
    store_of_a = [bar for bar in state(store) if bar[0] == "A"]
    assert store_of_a == before
    with CacheManager({"store": str(store.path)}) as cache:
        changed = minute_bars({0: 99.0}, start_us=first_us).to_pandas().set_index("ts_event")
        cache.cache_data("A", changed, "2024-03-04", "2024-03-04", source="polygon")
        cache.cache_data("A", changed, "2024-03-04", "2024-03-04", source="polygon")
    assert status(flat(store, tmp_path, "A")) == ["ingested"]
    assert [bar for bar in state(store) if bar[0] == "A"] == before
    assert status(flat(store, tmp_path, "A")) == ["unchanged"]


def test_a_file_for_named_tickers_is_not_replaced_by_the_same_file_for_others(store: Store, tmp_path: Path) -> None:
    path = write_flat(tmp_path, [row("A", "09:30"), row("B", "09:30")])
    store.ingest(path, tickers=["A"])
    store.ingest(path, tickers=["B"])
    assert status(store.ingest(path, tickers=["A"])) == ["unchanged"]


def test_a_store_that_never_noted_what_a_file_brought_still_passes_it_over(store: Store, tmp_path: Path) -> None:
    frame(store, tmp_path, "A")
    with duckdb.connect(
        str(store.repository.layout.catalog_file(store.repository.layout.newest_snapshot()))
    ) as connection:
        for column in ("tickers", "start_ts", "end_ts", "generation"):
            connection.execute(f"ALTER TABLE core.inputs DROP COLUMN {column}")
    own_file(store, tmp_path, "B")
    assert status(frame(store, tmp_path, "A")) == ["unchanged"]
    frame(store, tmp_path, "B")
    assert status(own_file(store, tmp_path, "B")) == ["ingested"]


@pytest.mark.parametrize(
    ("given", "pasts", "stand"),
    [
        ("ab", {}, ""),
        ("ab", {"a": ""}, "a"),
        ("ab", {"a": "", "b": "!"}, "a"),
        ("a", {"a": "b"}, ""),
        ("ab", {"a": "b", "b": ""}, "ab"),
        ("ba", {"a": "b", "b": ""}, "ab"),
        ("ac", {"a": "bc", "c": ""}, ""),
        ("ca", {"a": "bc", "c": ""}, "c"),
        ("abc", {"a": "b", "b": "!", "c": ""}, "c"),
    ],
)
def test_which_inputs_stand(given: str, pasts: dict[str, str], stand: str) -> None:
    """Each key's successors; ! for one that somebody else has replaced."""
    known = {key: EarlierIngest(frozenset(text.replace("!", "")), "!" in text) for key, text in pasts.items()}
    assert already_ingested(list(given), known) == set(stand)
