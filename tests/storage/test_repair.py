"""Repair: whatever was damaged, the store is sound afterwards, and what it still holds is what was committed."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

import mtstore
from mtstore.errors import StoreError, StoreLockedError, StoreNotFoundError
from mtstore.storage.layout import Layout
from mtstore.storage.maintenance.repair import RepairResult, repair
from mtstore.storage.maintenance.verify import verify
from mtstore.storage.repository import Repository
from mtstore.storage.write_lock import write_lock
from tests.kits import damage
from tests.kits.damage import flip, overwrite
from tests.kits.store_paths import StorePlace
from tests.kits.stores import answer, bars_of, closes_of, core_tables, minutes, write


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> StorePlace:
    return StorePlace(damage.make(tmp_path_factory.mktemp("repair") / "store"))


@pytest.fixture
def root(place: StorePlace) -> Path:
    return place.fresh()


def mended(root: Path) -> RepairResult:
    """A repair after which verify has nothing to say."""
    done = repair(Layout(root))
    assert done.remaining == []
    assert verify(Layout(root)).problems == []
    return done


def broken(path: Path) -> bytes:
    """Damage a file; gives what it then holds."""
    overwrite(path, path.read_bytes()[:40] + b"?" * (path.stat().st_size - 40))
    return path.read_bytes()


def results(root: Path, ticker: str) -> set[str]:
    with mtstore.open(root) as store:
        found = store.sql("SELECT DISTINCT result FROM coverage WHERE ticker = ?", [ticker]).fetchall()
    return {result for (result,) in found}


def test_a_sound_store_is_left_as_it_is(root: Path) -> None:
    before = damage.everything(root)
    done = repair(Layout(root))
    assert (done.problems, done.set_aside, done.lost, done.folder) == ([], [], [], None)
    assert damage.everything(root) == before


@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_a_lost_data_file_is_forgotten_and_can_be_fetched_again(root: Path, how: str) -> None:
    path = next(path for path in damage.files(root)["data"] if "ticker=A/" in str(path))
    with mtstore.open(root) as store:
        ((name, first, last),) = store.sql(
            "SELECT path, epoch_us(ts_min), epoch_us(ts_max) FROM core.files WHERE path = ?",
            [str(path.relative_to(root))],
        ).fetchall()
        others = [row for row in bars_of(store) if not (row[0] == "A" and first <= row[3] <= last)]
        lost_bars = len(bars_of(store)) - len(others)
    if how == "damaged":
        content = broken(path)
    else:
        path.unlink()
    done = mended(root)
    assert lost_bars > 0
    assert [(one.ticker, [(span.start_us, span.end_us) for span in one.ranges]) for one in done.lost] == (
        [("A", [(first, last + 60_000_000)])]
    )
    if how == "damaged":
        assert done.set_aside == [name]
        assert (done.folder / name).read_bytes() == content
    with mtstore.open(root) as store:
        assert bars_of(store) == others
        covered = store.sql(
            "SELECT count(*) FROM coverage WHERE ticker = 'A' AND result IN ('complete', 'partial', 'empty') "
            "AND epoch_us(start_ts) <= ? AND epoch_us(end_ts) > ?",
            [last, first],
        ).fetchall()
        assert covered == [(0,)], "nothing says that the lost bars are known"
        write(store, answer("A", {minute: minute / 7 for minute in range(300)}, minutes(0, 300)))
        assert len(closes_of(store, "A")) >= 300
    assert results(root, "A") >= {"complete"}


@pytest.mark.parametrize(
    "kind",
    ["retired", "derived", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("quarantine", "revisions"))],
)
def test_another_damaged_file_is_set_aside_and_no_bar_is_lost(root: Path, kind: str) -> None:
    with mtstore.open(root) as store:
        bars, coverage = bars_of(store), store.sql("FROM coverage ORDER BY ALL").fetchall()
    path = damage.files(root)[kind][0]
    broken(path)
    done = mended(root)
    assert done.lost == []
    assert not path.exists()
    assert done.folder is not None
    assert (done.folder / path.relative_to(root)).exists()
    with mtstore.open(root) as store:
        assert bars_of(store) == bars
        assert store.sql("FROM coverage ORDER BY ALL").fetchall() == coverage


@pytest.mark.parametrize(
    "kind", ["catalog", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("log", "public"))]
)
@pytest.mark.parametrize(
    ("number", "how"),
    [
        (0, "damaged"),
        pytest.param(-1, "missing", marks=pytest.mark.slow),
        pytest.param(-1, "damaged", marks=pytest.mark.slow),
        pytest.param(0, "missing", marks=pytest.mark.slow),
        pytest.param(2, "damaged", marks=pytest.mark.slow),
        pytest.param(2, "missing", marks=pytest.mark.slow),
    ],
)
def test_repair_rebuilds_damaged_metadata_without_loss(root: Path, kind: str, number: int, how: str) -> None:
    with mtstore.open(root) as store:
        before = core_tables(store)
    path = damage.files(root)[kind][number]
    broken(path) if how == "damaged" else path.unlink()
    done = mended(root)
    assert done.lost == []
    with mtstore.open(root) as store:
        after = core_tables(store)
        assert {name for name in before if after[name] != before[name]} == set()
        write(store, answer("D", {0: 1.0}, minutes(0, 1)))
        assert store.verify().problems == []


def test_the_whole_log_can_be_lost_and_so_can_all_database_files(root: Path) -> None:
    with mtstore.open(root) as store:
        before = core_tables(store)
    shutil.rmtree(root / "meta/log")
    mended(root)
    for folder in ("catalog", "public"):
        shutil.rmtree(root / folder)
        (root / folder).mkdir()
    mended(root)
    with mtstore.open(root) as store:
        after = core_tables(store)
        assert {name for name in before if after[name] != before[name]} == set()


def refused(root: Path) -> None:
    """Neither open nor rebuild changes a store whose log and database files contradict each other."""
    before = damage.everything(root)
    for attempt in (mtstore.open, Repository.rebuild_at):
        with pytest.raises(StoreError, match=f"mtstore repair {root}"):
            attempt(root)
        assert damage.everything(root) == before


def test_database_file_ahead_of_the_log_is_refused_and_repair_keeps_its_commit(root: Path) -> None:
    with mtstore.open(root) as store:
        before = core_tables(store)
        max((root / "meta/log").iterdir()).unlink()
        with pytest.raises(StoreError, match="mtstore repair"):
            write(store, answer("D", {0: 1.0}, minutes(0, 1)))
    refused(root)
    mended(root)
    with mtstore.open(root) as store:
        assert core_tables(store) == before
        store.rebuild()
        assert core_tables(store) == before


@pytest.mark.parametrize("is_copy", [False, True])
@pytest.mark.parametrize("name", ["meta/log/000099.parquet", "catalog/999999.duckdb"])
def test_file_with_a_number_out_of_sequence_is_set_aside(root: Path, name: str, is_copy: bool) -> None:
    newest = max((root / name).parent.iterdir())
    (root / name).write_bytes(newest.read_bytes() if is_copy else b"x")
    refused(root)
    done = mended(root)
    assert (done.set_aside, len(done.problems), done.snapshot) == ([name], 1, 5)


def test_commits_of_a_log_that_went_on_without_the_database_file_are_kept(root: Path) -> None:
    with mtstore.open(root) as store:
        entry, before = store.repository.layout.log_file(5), core_tables(store)
        content = entry.read_bytes()
        shutil.rmtree(root / "catalog")
        (root / "catalog").mkdir()
    entry.unlink()
    with mtstore.open(root) as store:
        write(store, answer("D", {0: 1.0}, minutes(0, 1)))
    overwrite(entry, content)  # what an interrupted restore leaves
    refused(root)
    mended(root)
    with mtstore.open(root) as store:
        assert {row[0] for row in bars_of(store)} >= {"A", "B", "D"}
        assert set(before["core.sources"]) <= set(core_tables(store)["core.sources"])


def test_with_the_log_and_the_newest_database_damaged_the_commits_since_are_kept(root: Path) -> None:
    with mtstore.open(root) as store:
        bars = bars_of(store)
    by_kind = damage.files(root)
    for path in (by_kind["log"][0], by_kind["catalog"][-1], by_kind["public"][-1]):
        broken(path)
    mended(root)
    with mtstore.open(root) as store:
        assert bars_of(store) == bars


def test_with_the_newest_entry_and_database_damaged_the_newest_readable_state_is_taken(root: Path) -> None:
    with mtstore.open(root) as store, store.snapshot(4):
        bars = bars_of(store)
    by_kind = damage.files(root)
    for path in (by_kind["log"][-1], by_kind["catalog"][-1], by_kind["public"][-1]):
        broken(path)
    done = mended(root)
    assert any("/ticker=" in path for path in done.set_aside), "files of the lost commit are kept aside"
    with mtstore.open(root) as store:
        assert bars_of(store) == bars


def test_where_nothing_can_be_read_the_error_says_so_and_nothing_is_moved(root: Path) -> None:
    by_kind = damage.files(root)
    for path in (*by_kind["log"], *by_kind["catalog"], *by_kind["public"]):
        broken(path)
    before = damage.everything(root)
    with pytest.raises(StoreError, match="put one of them back"):
        repair(Layout(root))
    assert damage.everything(root) == before


def test_files_that_are_not_the_stores_are_set_aside(root: Path) -> None:
    strangers = ["data/stray.parquet", "meta/log/notes.txt", "catalog/000005.duckdb.wal", "meta/quarantine/x"]
    for name in strangers:
        (root / name).write_bytes(b"?")
    assert set(strangers) <= set(mended(root).set_aside)


def test_many_flipped_bits_at_once_are_mended(root: Path) -> None:
    by_kind, chance = damage.files(root), random.Random(5)
    with mtstore.open(root) as store:
        bars = set(bars_of(store))
    for kind in damage.KINDS:
        flip(by_kind[kind][-1], chance)
    mended(root)
    with mtstore.open(root) as store:
        assert set(bars_of(store)) < bars
    before = damage.everything(root)
    assert repair(Layout(root)).problems == []
    assert damage.everything(root) == before


def test_repair_waits_for_no_one_and_needs_a_store(root: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError):
        repair(Layout(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
    with write_lock(Layout(root).lock, "test"), pytest.raises(StoreLockedError):
        repair(Layout(root), lock_timeout_seconds=0.0)
