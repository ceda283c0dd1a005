"""Rebuild: the database file made anew from `data/` and `meta/` alone, equal to the one that was committed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

import mtstore
from mtstore import Store
from mtstore.bars import BarBatch
from mtstore.errors import StoreError, StoreNotFoundError
from mtstore.storage.layout import Layout
from mtstore.storage.maintenance.repair import repair
from mtstore.storage.repository import Repository
from tests.kits.store_paths import StorePlace
from tests.kits.stores import POLYGON, answer, bars_of, core_tables, data_files, minute_bars, minutes, write

NOW = datetime(2024, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)


def fill(store: Store) -> None:
    """A bit of everything that a store can hold."""
    bad = minute_bars({3: 1.0}).append_column("reason", [["bad"]]).append_column("origin", [["f:7"]])
    daily = minute_bars({0: 1.0, 1: 2.0}, step_us=86_400_000_000)
    write(store, answer("A", dict.fromkeys(range(50), 1.0), minutes(0, 100)), answer("BTC/USD", {0: None}))
    write(store, answer("A", {200: 1.0, 201: 2.0}, minutes(200, 300)), answer("NULL", {}, minutes(0, 10)))
    write(
        store,
        answer("A", {0: 2.0}, minutes(0, 10)),
        answer("B", {}, result="quarantined", quarantined=bad),
        answer("C", {}, minutes(0, 9), result="failed", reason="no 'quoted' reason"),
        BarBatch(POLYGON, "ohlcv-1d", "A", (), daily, result="partial", day_tz="America/New_York", request={"a": 1}),
    )
    with store.repository.writer("notes") as writer:
        for factor in (2.0, 4.0):  # the same key twice in one commit: the later row wins
            writer.record(
                "splits",
                {
                    "ticker": "A",
                    "execution_date": date(2024, 1, 3),
                    "split_from": 1.0,
                    "split_to": factor,
                    "source": "polygon",
                    "seen_at": NOW,
                    "event_id": "split",
                },
            )
        for kind in (None, "CD"):
            writer.record(
                "dividends",
                {
                    "ticker": "A",
                    "ex_dividend_date": date(2024, 1, 3),
                    "cash_amount": 0.1 + 0.2,
                    "currency": "USD",
                    "dividend_type": kind,
                    "source": "polygon",
                    "seen_at": NOW,
                    "event_id": None,
                },
            )
        writer.record(
            "ticker_settings",
            {
                "ticker": "A",
                "weight": 1,
                "calendar": "CMES",
                "session_start": "09:45",
                "session_end": "15:45",
                "timezone": "America/New_York",
                "active_from": date(2020, 1, 1),
                "metadata": '{"sector": "\\u00e9"}',
                "updated_at": NOW,
            },
        )
        writer.record("settings", {"key": "alignment.timezone", "value": '"Europe/Berlin"'})
    with store.repository.writer("again") as writer:
        writer.record("settings", {"key": "alignment.timezone", "value": '"UTC"'})


@pytest.fixture(scope="module")
def filled_place(tmp_path_factory: pytest.TempPathFactory) -> StorePlace:
    root = tmp_path_factory.mktemp("rebuild") / "store"
    with mtstore.open(root, create=True) as store:
        fill(store)
    return StorePlace(root)


@pytest.fixture
def filled(filled_place: StorePlace) -> Iterator[Store]:
    """A store with a bit of everything."""
    with mtstore.open(filled_place.fresh()) as store:
        yield store


def assert_rebuilds_equal(store: Store) -> None:
    before, files, snapshot = core_tables(store), data_files(store.path), store.repository.layout.newest_snapshot()
    assert store.rebuild() == snapshot + 1
    after = core_tables(store)
    for name, rows in before.items():
        assert after[name] == rows, name
    assert data_files(store.path) == files


def test_a_rebuilt_store_equals_the_committed_one_table_by_table(filled: Store) -> None:
    tables = core_tables(filled)
    for name in ("files", "retired_files", "coverage_ledger", "splits", "dividends", "ticker_settings", "meta_files"):
        assert tables[f"core.{name}"], f"the test has no row in {name}"
    assert len(tables["core.splits"]) == 1
    assert len(tables["core.dividends"]) == 2
    assert_rebuilds_equal(filled)
    assert_rebuilds_equal(filled)


def test_it_equals_after_replace_compaction_and_purge(filled: Store) -> None:
    filled.compact()
    assert_rebuilds_equal(filled)
    with mtstore.open(filled.path, grace=timedelta(0)) as impatient:
        write(impatient, answer("A", {}, minutes(0, 300)))
        write(impatient, answer("D", {0: 1.0}, minutes(0, 300)))
        write(impatient, answer("D", {0: 2.0}, minutes(0, 300)))
    assert_rebuilds_equal(filled)
    with mtstore.open(filled.path) as again:
        assert_rebuilds_equal(again)


def test_it_needs_no_generation_and_no_public_file(filled: Store) -> None:
    before = core_tables(filled)
    filled.close()
    for folder in ("catalog", "public", "tmp"):
        shutil.rmtree(filled.path / folder)
        (filled.path / folder).mkdir()
    (filled.path / "market.duckdb").unlink()
    Repository.rebuild_at(filled.path)
    with mtstore.open(filled.path) as again:
        assert core_tables(again) == before


def test_the_next_start_makes_a_lost_generation_from_the_log(filled: Store) -> None:
    before, newest = core_tables(filled), filled.repository.layout.newest_snapshot()
    filled.close()
    filled.repository.layout.catalog_file(newest).unlink()
    with mtstore.open(filled.path) as again:
        assert again.repository.layout.newest_snapshot() == newest
        assert core_tables(again) == before


def test_a_lost_data_file_is_named(filled: Store) -> None:
    path = filled.sql("SELECT path FROM core.files ORDER BY path").fetchall()[0][0]
    (filled.path / path).unlink()
    with pytest.raises(StoreError, match=Path(path).name):
        filled.rebuild()
    assert list((filled.path / "tmp").iterdir()) == []


def test_a_hole_in_the_log_is_an_error(filled: Store) -> None:
    filled.repository.layout.log_file(3).unlink()
    with pytest.raises(StoreError, match="commits are missing from the log"):
        filled.rebuild()


def test_a_damaged_log_entry_is_named(filled: Store) -> None:
    path = filled.repository.layout.log_file(2)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StoreError, match=r"000002\.parquet"):
        filled.rebuild()


def test_there_is_nothing_to_rebuild_without_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError):
        Repository.rebuild_at(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mend", ["rebuild", "repair"])
def test_data_and_meta_alone_are_enough(store: Store, tmp_path: Path, mend: str) -> None:
    write(store, answer("A", {0: 1.0, 1: 2.0}, minutes(0, 5)))
    before = bars_of(store)
    store.close()
    for folder in store.path.iterdir():
        if folder.name not in {"data", "meta"}:
            shutil.rmtree(folder) if folder.is_dir() and not folder.is_symlink() else folder.unlink()
    if mend == "rebuild":
        Repository.rebuild_at(store.path)
    else:
        repair(Layout(store.path))
    with mtstore.open(store.path) as opened:
        assert bars_of(opened) == before
        write(opened, answer("B", {0: 1.0}, minutes(0, 5)))
        assert opened.verify().is_sound


@pytest.mark.sampled(1)
@pytest.mark.parametrize("lost", ["catalog", "public", "tmp"])
def test_missing_folder_is_created_again(store: Store, lost: str) -> None:
    write(store, answer("A", {0: 1.0, 1: 2.0}, minutes(0, 5)))
    before = bars_of(store)
    store.close()
    shutil.rmtree(store.path / lost)
    with mtstore.open(store.path) as opened:
        assert bars_of(opened) == before
        write(opened, answer("B", {0: 1.0}, minutes(0, 5)))
        opened.repair()  # an older generation that only one of the two folders has is none
        assert opened.verify().is_sound


@pytest.mark.parametrize("change", ["rebuild", "commit"])
def test_a_public_file_of_another_store_under_the_next_number_is_replaced(
    store: Store, tmp_path: Path, change: str
) -> None:
    """A copy that was made folder by folder, while the original went on, has the original's next public file."""
    write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    copy = tmp_path / "copy"
    for folder in ("catalog", "data", "meta"):
        shutil.copytree(store.path / folder, copy / folder)
    Repository.rebuild_at(copy)
    write(store, answer("A", {0: 2.0}, minutes(0, 5)))
    foreign = Layout(store.path).public_link.resolve().parent
    with mtstore.open(copy) as opened:
        following = copy / "public" / f"{Layout(copy).newest_snapshot() + 1:06d}"
        shutil.copytree(foreign, following)
        if change == "rebuild":
            opened.rebuild()
        else:
            write(opened, answer("B", {0: 3.0}, minutes(0, 5)))
        assert copy.joinpath("market.duckdb").resolve() == following / "market.duckdb"
        with duckdb.connect(str(copy / "market.duckdb"), read_only=True) as client:
            read = client.execute("SELECT ticker, close FROM bars ORDER BY ticker").fetchall()
        assert read == [("A", 1.0), ("B", 3.0)][: 1 if change == "rebuild" else 2]
        assert opened.verify().is_sound
