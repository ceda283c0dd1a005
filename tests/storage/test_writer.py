"""The writer: answers in, commits out, and what stands in the tables afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import mtstore
from mtstore import Store
from mtstore.bars import BarBatch, SourceBinding, arrow_schema
from mtstore.errors import CommitError, InputError, SourceMismatchError, StoreError
from mtstore.ranges import TimeRange
from mtstore.storage.commit import failpoints, snapshots, writer
from mtstore.storage.commit.coverage_ledger import Freshness
from tests.kits.stores import (
    POLYGON,
    START,
    answer,
    bars_of,
    closes_of,
    core_tables,
    data_files,
    known_files,
    minute_bars,
    minutes,
    write,
)

DAY = 86_400_000_000


def newest(store: Store) -> int:
    return store.repository.layout.newest_snapshot()


def test_many_answers_are_one_commit(store: Store) -> None:
    before = newest(store)
    write(store, *(answer(f"T{number}", {0: 1.0, 3: 2.0}, minutes(0, 10)) for number in range(30)))
    assert newest(store) == before + 1
    assert len(store.tickers()) == 30
    assert len(bars_of(store)) == 60


def test_a_second_answer_about_a_partition_is_laid_over_the_first(store: Store) -> None:
    write(store, answer("A", {0: 1.0, 1: 1.0}, minutes(0, 5)), answer("A", {1: 2.0}, minutes(0, 5)))
    assert closes_of(store, "A") == {1: 2.0}


def test_a_group_is_committed_when_it_holds_many_partitions_or_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "COMMIT_EVERY_PARTITIONS", 4)
    before = newest(store)
    write(store, *(answer(f"T{number}", {0: 1.0}, minutes(0, 1)) for number in range(8)))
    assert newest(store) == before + 2
    monkeypatch.setattr(writer, "COMMIT_EVERY_PARTITIONS", 1_000)
    monkeypatch.setattr(writer, "COMMIT_EVERY_ROWS", 100)
    write(store, *(answer(f"U{number}", dict.fromkeys(range(50), 1.0), minutes(0, 50)) for number in range(4)))
    assert newest(store) == before + 4


def test_a_group_is_committed_after_some_seconds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "COMMIT_EVERY_SECONDS", 0.0)
    before = newest(store)
    write(store, *(answer(f"T{number}", {0: 1.0}, minutes(0, 1)) for number in range(2)))
    assert newest(store) >= before + 2


def test_an_unchanged_answer_writes_no_data_file_but_is_covered(store: Store) -> None:
    write(store, answer("A", {0: 1.0, 1: None}, minutes(0, 5)))
    files = data_files(store.path)
    write(store, answer("A", {0: 1.0, 1: None}, minutes(0, 5)), answer("A", {0: 1.0}))
    assert data_files(store.path) == files
    assert store.sql("SELECT count(*) FROM revisions").fetchall() == [(0,)]
    assert store.sql("SELECT count(*) FROM core.coverage_ledger").fetchall() == [(2,)]


def test_changes_and_withdrawals_stand_in_the_view_of_revisions(store: Store) -> None:
    write(store, answer("A", {0: 1.0, 1: 2.0, 2: 3.0}, minutes(0, 5)))
    write(store, answer("A", {0: 1.0, 1: 9.0}, minutes(0, 5)))
    rows = store.sql("SELECT epoch_us(ts_event), kind, old_close, new_close FROM revisions ORDER BY ALL").fetchall()
    assert rows == [(START + 60_000_000, "changed", 2.0, 9.0), (START + 120_000_000, "withdrawn", 3.0, None)]


def test_a_partial_answer_adds_and_overwrites_and_withdraws_nothing(store: Store) -> None:
    write(store, answer("A", {0: 1.0, 2: 2.0}, minutes(0, 5)))
    write(store, answer("A", {1: 5.0, 2: 6.0}, minutes(0, 5), result="partial"))
    assert closes_of(store, "A") == {0: 1.0, 1: 5.0, 2: 6.0}


def test_an_empty_answer_withdraws_what_is_stored_in_its_range(store: Store) -> None:
    write(store, answer("A", {0: 1.0, 7: 2.0}, minutes(0, 10)))
    write(store, answer("A", {}, minutes(0, 5)))
    assert closes_of(store, "A") == {7: 2.0}
    write(store, answer("A", {}, minutes(5, 10)))
    assert closes_of(store, "A") == {}
    assert store.tickers() == []


@pytest.mark.parametrize("result", ["failed", "quarantined"])
def test_failed_and_quarantined_answers_leave_bars_alone(store: Store, result: str) -> None:
    write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    write(store, answer("A", {}, minutes(0, 5), result=result, reason="no"))
    assert closes_of(store, "A") == {0: 1.0}
    assert store.sql("SELECT result FROM core.coverage_ledger ORDER BY ALL").fetchall() == [("complete",), (result,)]


def test_an_answer_over_new_year_goes_into_both_years(store: Store) -> None:
    new_year = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    write(
        store,
        answer("A", {-2: 1.0, -1: 2.0, 0: 3.0}, TimeRange(new_year - DAY, new_year + DAY), start_us=new_year),
    )
    rows = store.sql("SELECT year, count(*) FROM bars GROUP BY year ORDER BY year").fetchall()
    assert rows == [(2023, 2), (2024, 1)]
    assert {path.split("/")[4] for path in data_files(store.path)} == {"year=2023", "year=2024"}
    write(store, answer("A", {}, TimeRange(new_year - DAY, new_year + DAY)))
    assert bars_of(store) == []


def test_daily_bars_of_many_years_lie_in_one_folder(store: Store) -> None:
    bars = minute_bars({number * 400: float(number + 1) for number in range(5)}, step_us=DAY)
    write(store, BarBatch(POLYGON, "ohlcv-1d", "A", (), bars, result="partial", day_tz="America/New_York"))
    assert len(data_files(store.path)) == 1
    rows = store.sql("SELECT DISTINCT year FROM bars ORDER BY year").fetchall()
    assert rows == [(2024,), (2025,), (2026,), (2027,), (2028,)]


def test_coverage_of_all_tickers_that_were_answered_alike_is_one_row(store: Store) -> None:
    write(store, *(answer(f"T{number}", {0: 1.0}, minutes(0, 5), final=True) for number in range(40)))
    assert store.sql("SELECT len(tickers), len(ranges), fresh_until FROM core.coverage_ledger").fetchall() == [
        (40, 1, None)
    ]


def test_partial_ranges_of_a_complete_answer_are_not_called_complete(store: Store) -> None:
    write(store, answer("A", {0: 1.0}, minutes(0, 5), partial_ranges=(minutes(5, 6),)))
    rows = store.sql("SELECT result, ranges FROM core.coverage_ledger ORDER BY result").fetchall()
    assert [row[0] for row in rows] == ["complete", "partial"]


def test_answers_go_stale_after_their_time_unless_they_are_settled_or_final(store: Store) -> None:
    now = int(datetime.now(UTC).timestamp() * 1e6)
    recent = TimeRange(now - DAY, now)
    with store.repository.writer("test", freshness=Freshness(ttl_days=2.0, settle_days=3.0)) as one:
        one.add(answer("OLD", {}, minutes(0, 5)))
        one.add(answer("NEW", {}, recent))
        one.add(answer("FINAL", {}, recent, final=True))
    rows = store.sql(
        "SELECT tickers[1], epoch(fresh_until) - epoch(fetched_at) FROM core.coverage_ledger ORDER BY ALL"
    ).fetchall()
    assert rows == [("FINAL", None), ("NEW", 2 * 86_400.0), ("OLD", None)]


def test_a_source_takes_one_vendor_and_dataset_only(store: Store) -> None:
    itch = SourceBinding("d", "databento", "XNAS.ITCH")
    write(store, answer("A", {0: 1.0}, minutes(0, 5), binding=itch))
    other = answer("A", {0: 1.0}, minutes(0, 5), binding=SourceBinding("d", "databento", "DBEQ.BASIC"))
    with pytest.raises(SourceMismatchError, match=r"'d' holds databento XNAS\.ITCH, not databento DBEQ\.BASIC"):
        write(store, other)
    with store.repository.writer("test") as one:
        one.add(answer("B", {0: 1.0}, minutes(0, 5), binding=SourceBinding("e", "databento", "DBEQ.BASIC")))
        with pytest.raises(SourceMismatchError):
            one.add(answer("B", {0: 1.0}, minutes(0, 5), binding=SourceBinding("e", "polygon")))
    assert store.sql("SELECT source, dataset FROM core.sources ORDER BY source").fetchall() == [
        ("d", "XNAS.ITCH"),
        ("e", "DBEQ.BASIC"),
    ]


def test_quarantined_rows_keep_their_reason_and_origin(store: Store) -> None:
    bad = minute_bars({3: 1.0}).append_column("reason", [["a price is missing"]]).append_column("origin", [["f:7"]])
    write(store, answer("A", {}, result="quarantined", quarantined=bad))
    assert store.sql("SELECT ticker, reason, origin FROM quarantine").fetchall() == [("A", "a price is missing", "f:7")]
    assert bars_of(store) == []


def test_an_error_in_the_block_drops_what_was_not_committed(store: Store) -> None:
    before = core_tables(store)
    wrong = answer("A", {0: 1.0}, minutes(0, 5), binding=SourceBinding("No Folder", "polygon"))
    with pytest.raises(InputError, match="No Folder"):
        write(store, answer("A", {0: 1.0}, minutes(0, 5)), wrong)
    assert core_tables(store) == before
    assert list((store.path / "tmp").iterdir()) == []


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "step", failpoints.FAILPOINTS[: failpoints.FAILPOINTS.index("log-renamed")], ids=lambda step: f"after-{step}"
)
def test_an_error_before_the_commit_leaves_the_store_as_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    before, files = core_tables(store), data_files(store.path)

    def fail(reached: str) -> None:
        if reached == step:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(failpoints, "observer", fail)
    with pytest.raises(OSError, match="No space left"):
        write(store, answer("A", {0: 2.0}, minutes(0, 5)), answer("B", {0: 2.0}, minutes(0, 5)))
    monkeypatch.undo()
    assert core_tables(store) == before
    assert data_files(store.path) == files
    assert list((store.path / "tmp").iterdir()) == []
    write(store, answer("B", {0: 2.0}, minutes(0, 5)))
    assert known_files(store) == data_files(store.path)


def test_a_commit_that_leaves_a_write_ahead_log_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before, number = core_tables(store), store.repository.layout.newest_snapshot()
    check = snapshots._check

    def with_wal(path: Path, *rest: object) -> None:
        path.with_name(f"{path.name}.wal").touch()
        check(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(snapshots, "_check", with_wal)
    with pytest.raises(CommitError, match="write-ahead log"):
        write(store, answer("A", {0: 1.0}, minutes(0, 5)))
    assert store.repository.layout.newest_snapshot() == number
    assert core_tables(store) == before
    assert data_files(store.path) == set()


def test_an_open_cursor_does_not_disturb_a_commit(store: Store) -> None:
    write(store, answer("A", dict.fromkeys(range(300), 1.0), minutes(0, 300)))
    with store.repository.connection() as connection:
        reader = connection.execute("FROM bars ORDER BY ts_event")
        assert reader.fetchone() is not None
        write(store, answer("A", {}, minutes(0, 300)), answer("B", {0: 1.0}, minutes(0, 1)))
        assert len(reader.fetchall()) == 299, "the reader stays in its generation"
    assert store.tickers() == ["B"]
    assert list((store.path / "catalog").glob("*.wal")) == []


def test_compaction_leaves_one_file_a_partition_and_the_same_rows(store: Store) -> None:
    for start in (0, 10, 20):
        write(store, answer("A", {start: 1.0, start + 1: 2.0}, minutes(start, start + 5)))
    write(store, answer("B", {0: 1.0}, minutes(0, 5)))
    before = bars_of(store), store.sql("FROM core.coverage_ledger").fetchall()
    done = store.compact()
    assert (done.partitions, done.files_before, done.files_after) == (1, 3, 1)
    assert store.sql("SELECT ticker, file_count FROM core.series ORDER BY ticker").fetchall() == [("A", 1), ("B", 1)]
    assert (bars_of(store), store.sql("FROM core.coverage_ledger").fetchall()) == before
    number = store.repository.layout.newest_snapshot()
    assert store.compact().partitions == 0
    assert store.repository.layout.newest_snapshot() == number


def test_an_answer_that_was_worked_out_on_an_older_state_is_worked_out_again(store: Store) -> None:
    other = mtstore.open(store.path)
    with store.repository.writer("one") as one:
        one.add(answer("A", {0: 1.0, 1: 1.0}, minutes(0, 2)))
        write(other, answer("A", {1: 5.0, 2: 5.0}, minutes(1, 3)))
    assert closes_of(store, "A") == {0: 1.0, 1: 1.0, 2: 5.0}
    rows = store.sql("SELECT kind, old_close, new_close FROM revisions").fetchall()
    assert rows == [("changed", 5.0, 1.0)]
    other.close()


def test_a_damaged_file_stops_the_merge_and_nothing_else(store: Store) -> None:
    write(store, answer("A", {number: float(number + 1) for number in range(900)}, minutes(0, 1_000)))
    (name,) = data_files(store.path)
    path = store.path / name
    content = bytearray(path.read_bytes())
    content[120] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be read"):
        write(store, answer("A", {5: 1.0}, minutes(5, 6)))
    write(store, answer("B", {0: 1.0}, minutes(0, 5)))
    assert closes_of(store, "B") == {0: 1.0}


def test_bars_have_the_columns_of_the_schema(store: Store) -> None:
    assert store.sql("SELECT * EXCLUDE (ticker, source, schema, year) FROM bars").to_arrow().column_names == (
        arrow_schema().names
    )
