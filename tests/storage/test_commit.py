"""Several processes and threads on one store: who waits, who does not, and what each of them sees."""

from __future__ import annotations

import shutil
import threading
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

import mtstore
from mtstore import Store
from mtstore.errors import (
    CommitError,
    SnapshotExpiredError,
    StoreError,
    StoreFormatError,
    StoreLockedError,
    StoreMovedError,
    StoreNotFoundError,
)
from mtstore.storage.commit import failpoints
from mtstore.storage.repository import Repository
from tests.kits.stores import answer, bars_of, closes_of, core_tables, end, lines_of, minutes, process, tell, write

pytestmark = pytest.mark.creates

INGEST = """
import mtstore
from tests.kits.stores import answer, minutes, write
with mtstore.open(args[0]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(args[2])):
        both = answer("BOTH", {ord(args[1]) * 100 + number: 1.0})
        write(store, answer(f"{args[1]}{number}", {0: 1.0, 1: 2.0}, minutes(0, 5)), both)
"""

HOLD = """
import time
from pathlib import Path
from mtstore.storage.write_lock import write_lock

with write_lock(Path(args[0]) / "write.lock", "hold still"):
    print("held", flush=True)
    sys.stdin.readline()
"""


LOOP = """
import select, time
from pathlib import Path
from mtstore.storage.write_lock import write_lock

while not select.select([sys.stdin], [], [], 0)[0]:
    with write_lock(Path(args[0]) / "write.lock", "commit in a loop"):
        print("held", flush=True)
        time.sleep(0.1)
"""


def test_two_processes_that_write_queue_and_lose_nothing(store: Store) -> None:
    children = [process(INGEST, store.path, letter, 2) for letter in "AB"]
    for child in children:
        assert next(iter(lines_of(child))) == "ready"
    for child in children:
        tell(child, "go")
    end(*children)
    assert set(store.tickers()) == {"BOTH", *(f"{letter}{number}" for letter in "AB" for number in range(2))}
    assert set(closes_of(store, "BOTH")) == {ord(letter) * 100 + number for letter in "AB" for number in range(2)}
    assert store.repository.layout.newest_snapshot() == 5
    before = core_tables(store)
    store.rebuild()
    assert core_tables(store) == before


def test_lock_timeout_names_the_holder(store: Store) -> None:
    child = process(HOLD, store.path)
    assert next(iter(lines_of(child))) == "held"
    with mtstore.open(store.path, lock_timeout_seconds=0.1) as other:
        with pytest.raises(StoreLockedError, match=rf"process {child.pid} .*hold still.*since 20"):
            write(other, answer("A", {0: 1.0}, minutes(0, 5)))
        assert bars_of(other) == [], "readers do not wait"
        tell(child, "let go")
        end(child)
        write(other, answer("A", {0: 1.0}, minutes(0, 5)))
    assert store.tickers() == ["A"]


def test_a_process_that_takes_the_lock_in_a_loop_lets_the_waiting_one_in(store: Store) -> None:
    loop = process(LOOP, store.path)
    assert next(iter(lines_of(loop))) == "held"
    with mtstore.open(store.path, lock_timeout_seconds=2.0) as other:
        for number in range(3):
            assert next(iter(lines_of(loop))) == "held"
            write(other, answer("A", {number: 1.0}, minutes(0, 5)))
    assert loop.poll() is None, "it was still at it"
    tell(loop, "stop")
    end(loop)


def test_the_lock_of_a_killed_process_is_free(store: Store) -> None:
    child = process(HOLD, store.path)
    assert next(iter(lines_of(child))) == "held"
    child.kill()
    child.communicate()
    with mtstore.open(store.path, lock_timeout_seconds=1.0) as other:
        write(other, answer("A", {0: 1.0}, minutes(0, 5)))


def test_threads_share_a_store_and_see_new_generations(store: Store) -> None:
    errors: list[BaseException] = []
    seen: list[int] = []
    stop = threading.Event()

    def read() -> None:
        last = 0
        try:
            while not stop.is_set():
                count = store.sql("SELECT count(*) FROM bars").fetchall()[0][0]
                assert count >= last
                assert count % 2 == 0
                last = count
            seen.append(last)
        except BaseException as error:  # noqa: BLE001 - a thread's errors are looked at below
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(5):
        write(store, answer(f"T{number}", {0: 1.0, 1: 1.0}, minutes(0, 5)))
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(seen) == 3
    assert store.sql("SELECT count(*) FROM bars").fetchall() == [(10,)]


def test_a_snapshot_stays_on_one_generation_while_another_process_commits(store: Store) -> None:
    write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    child = process(INGEST, store.path, "B", 2)
    assert next(iter(lines_of(child))) == "ready"
    with store.snapshot() as generation:
        before = bars_of(store)
        tell(child, "go")
        end(child)
        assert bars_of(store) == before
        with store.snapshot() as inner:
            assert inner == generation
        assert store.sql("SELECT generation FROM core.store_info").fetchall() == [(generation,)]
    assert len(bars_of(store)) == 1 + 2 * 2 + 2
    assert store.repository.layout.newest_snapshot() == generation + 2


def test_other_threads_do_not_share_a_snapshot(store: Store) -> None:
    found: list[int] = []
    with store.snapshot():
        write(store, answer("A", {0: 1.0}, minutes(0, 5)))
        thread = threading.Thread(target=lambda: found.append(len(bars_of(store))))
        thread.start()
        thread.join()
        assert bars_of(store) == []
    assert found == [1]


def test_retired_files_and_generations_are_kept_for_the_grace_period(store: Store) -> None:
    for close in (1.0, 2.0, 3.0):
        write(store, answer("A", {0: close}, minutes(0, 5)))
    assert store.sql("SELECT count(*) FROM core.retired_files").fetchall() == [(2,)]
    assert len(list(store.path.rglob("data/**/*.parquet"))) == 3
    assert len(list((store.path / "catalog").iterdir())) == 4
    with mtstore.open(store.path, grace=timedelta(0)) as impatient:
        write(impatient, answer("B", {0: 1.0}, minutes(0, 5)))
        write(impatient, answer("B", {1: 1.0}, minutes(0, 5)))
        write(impatient, answer("B", {2: 1.0}, minutes(0, 5)))
        assert closes_of(impatient, "A") == {0: 3.0}
        retired = impatient.sql("SELECT path FROM core.retired_files").fetchall()
        assert len(retired) == 1, "what this commit retired waits for the next one"
    assert len(list(store.path.rglob("data/**/*.parquet"))) == 3
    assert len(list((store.path / "catalog").iterdir())) <= 2
    assert len(list((store.path / "public").iterdir())) <= 2


def test_a_reader_beyond_the_grace_period_gets_an_error_and_no_wrong_rows(store: Store) -> None:
    write(store, answer("A", {0: 1.0, 1: 1.0}, minutes(0, 5)))
    with store.snapshot():
        with mtstore.open(store.path, grace=timedelta(0)) as impatient:
            for close in (2.0, 3.0, 4.0):
                write(impatient, answer("A", {0: close}, minutes(0, 5)))
        with pytest.raises(SnapshotExpiredError, match=r"grace period .*is over"):
            bars_of(store)
    assert closes_of(store, "A") == {0: 4.0}


def test_a_plain_client_sees_each_new_generation_through_the_same_name(store: Store) -> None:
    for number in range(3):
        write(store, answer(f"T{number}", {0: 1.0}, minutes(0, 5)))
        with duckdb.connect(store.path / "market.duckdb", read_only=True) as client:
            assert client.execute("SELECT count(*) FROM bars").fetchall() == [(number + 1,)]
        assert (store.path / "market.duckdb").stat().st_mode & 0o222 == 0


def test_open_client_blocks_no_commit_and_keeps_its_rows(store: Store) -> None:
    write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    with duckdb.connect(store.path / "market.duckdb", read_only=True) as client:
        write(store, answer("A", {0: 9.0}, minutes(0, 5)))
        assert client.execute("SELECT close FROM bars").fetchall() == [(1.0,)]
    assert closes_of(store, "A") == {0: 9.0}


@pytest.mark.parametrize("step", ["log-renamed", "catalog-renamed", "public-copied", "public-renamed"])
def test_a_commit_that_was_interrupted_before_its_publication_is_published_at_the_next_start(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(reached: str) -> None:
        if reached == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(failpoints, "observer", fail)
    with pytest.raises(KeyboardInterrupt):
        write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    monkeypatch.undo()
    assert "000002" not in str((store.path / "market.duckdb").resolve())
    with mtstore.open(store.path) as again:
        assert again.tickers() == ["A"]
    with duckdb.connect(store.path / "market.duckdb", read_only=True) as client:
        assert client.execute("SELECT ticker FROM bars").fetchall() == [("A",)]


def test_failure_after_the_rename_of_the_log_reports_the_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(reached: str) -> None:
        if reached == "log-renamed":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(failpoints, "observer", fail)
    with pytest.raises(StoreError, match=r"committed as snapshot 2, .*; the next open of the store completes them"):
        write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    monkeypatch.undo()
    with mtstore.open(store.path) as again:
        assert again.tickers() == ["A"]


def test_taken_name_of_the_database_file_leaves_the_log_as_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = store.repository.layout.catalog_file(2)
    monkeypatch.setattr(
        failpoints, "observer", lambda reached: taken.touch() if reached == "catalog-verified" else None
    )
    with pytest.raises(CommitError, match="nothing was changed"):
        write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    assert store.repository.layout.snapshots(store.repository.layout.log) == [1]
    assert list(store.path.rglob("data/**/*.parquet")) == []


def test_there_is_no_store_where_none_was_made(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError, match="mtstore init"):
        mtstore.open(tmp_path / "nothing")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    with pytest.raises(StoreError, match="not an empty folder"):
        mtstore.open(tmp_path / "full", create=True)
    assert (tmp_path / "full" / "thesis.txt").read_text() == "precious"


def test_opening_twice_with_create_makes_one_store(tmp_path: Path) -> None:
    with mtstore.open(tmp_path / "s", create=True) as first, mtstore.open(tmp_path / "s", create=True) as second:
        assert first.repository.layout.newest_snapshot() == second.repository.layout.newest_snapshot() == 1


def test_a_moved_store_is_noticed_and_rebuild_mends_it(store: Store, tmp_path: Path) -> None:
    write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    rows = bars_of(store)
    store.close()
    moved = tmp_path / "moved"
    shutil.move(store.path, moved)
    with pytest.raises(StoreMovedError, match=f"mtstore rebuild {moved}"):
        mtstore.open(moved)
    Repository.rebuild_at(moved)
    with mtstore.open(moved) as again:
        assert bars_of(again) == rows
    with duckdb.connect(moved / "market.duckdb", read_only=True) as client:
        assert client.execute("SELECT count(*) FROM bars").fetchall() == [(1,)]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "missing"])
def test_a_store_whose_database_file_is_damaged_is_rebuilt_without_it(store: Store, damage: str) -> None:
    write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    before = core_tables(store)
    store.close()
    newest = store.repository.layout.catalog_file(store.repository.layout.newest_snapshot())
    newest.chmod(0o644)
    content = newest.read_bytes()
    if damage == "missing":
        shutil.rmtree(newest.parent)
        newest.parent.mkdir()
    else:
        newest.write_bytes({"cut": content[: len(content) // 3], "garbage": b"x" * len(content), "empty": b""}[damage])
        with pytest.raises(StoreError, match="mtstore rebuild"), mtstore.open(store.path) as broken:
            bars_of(broken)
    Repository.rebuild_at(store.path)
    with mtstore.open(store.path) as again:
        assert core_tables(again) == before


def test_a_store_of_another_format_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtstore.storage.commit.commit_log.FORMAT_VERSION", 2)
    with pytest.raises(StoreFormatError, match="format 1, of an older version of mtstore"):
        mtstore.open(store.path)


def test_a_store_of_a_newer_format_is_left_untouched(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an open nor a commit of an older version sweeps what a newer one does there."""
    for folder in ("public/building-newer", "tmp/run-newer"):
        (store.path / folder).mkdir()
        (store.path / folder / "file").touch()
    store.repository.layout.public_link.unlink()
    store.repository.layout.public_link.symlink_to("public/000099/market.duckdb")

    def tree(*without: str) -> list[tuple[str, int]]:
        paths = (path for path in store.path.rglob("*") if path.name not in {"tmp", *without})
        return sorted((str(path), path.lstat().st_mtime_ns) for path in paths)

    before = tree()
    monkeypatch.setattr("mtstore.storage.commit.commit_log.FORMAT_VERSION", 0)
    with pytest.raises(StoreFormatError, match=r"format 1, of a newer version of mtstore; .* reads format 0"):
        mtstore.open(store.path)
    assert tree() == before
    before = tree("write.lock")
    with pytest.raises(StoreFormatError, match="newer version"):
        write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    assert tree("write.lock") == before


def test_two_readers_that_spill_do_not_share_a_folder(store: Store) -> None:
    with mtstore.open(store.path) as other, store.repository.connection() as one, other.repository.connection() as two:
        folders = {
            connection.execute("SELECT current_setting('temp_directory')").fetchall()[0][0] for connection in (one, two)
        }
    assert len(folders) == 2
    assert all(Path(folder).parent == store.path / "tmp" for folder in folders)


def test_spill_folders_of_dead_processes_are_swept(store: Store) -> None:
    name = "import socket, os; print(f'spill-{socket.gethostname()}-{os.getpid()}-00000000000000-00000000')"
    child = process(name)
    dead = store.path / "tmp" / end(child)[0].strip()
    alive = store.path / "tmp" / "spill-another-host-1-00000000000000-00000000"
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "duckdb_temp_storage-0.tmp").touch()
    write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    assert not dead.exists()
    assert alive.exists()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="DuckDB opens such a folder by its descriptor alone")
def test_a_store_in_a_folder_with_a_backslash_works(tmp_path: Path) -> None:
    # DuckDB 1.x attaches such a path as if the backslash were a slash.
    with pytest.warns(UserWarning, match="clients and BI tools cannot"):
        store = mtstore.open(tmp_path / "a\\nb" / "st", create=True)
    with store:
        write(store, answer("A", {0: 1.0, 1: 2.0}, minutes(0, 5)))
        write(store, answer("A", {2: 3.0}, minutes(2, 5)))
        store.compact()
        store.rebuild()
        assert store.verify().problems == []
        assert closes_of(store, "A") == {0: 1.0, 1: 2.0, 2: 3.0}
    with mtstore.open(tmp_path / "a\\nb" / "st") as again:
        assert closes_of(again, "A") == {0: 1.0, 1: 2.0, 2: 3.0}
    assert [path.name for path in tmp_path.iterdir()] == ["a\\nb"]
