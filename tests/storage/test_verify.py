"""Verify: a sound store passes, one flipped bit anywhere is found and named, and so is every other contradiction."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mtstore
from mtstore.bars import arrow_schema
from mtstore.duckdb_instance import new_instance
from mtstore.errors import StoreNotFoundError
from mtstore.storage import checksum
from mtstore.storage.commit import replay, snapshots, staging
from mtstore.storage.commit.commit_log import LogRecord
from mtstore.storage.files import data_file, file_facts
from mtstore.storage.files.data_file import FOOTER_KEY
from mtstore.storage.layout import Layout, new_id
from mtstore.storage.maintenance.check_databases import find_difference
from mtstore.storage.maintenance.verify import verify
from mtstore.storage.reading.attach import attached
from mtstore.storage.repository import Repository
from tests.kits import damage
from tests.kits.damage import flip, overwrite
from tests.kits.store_paths import StorePlace
from tests.kits.stores import answer, end, lines_of, minute_bars, minutes, process, tell, write

SEED = 20_240_102


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> StorePlace:
    return StorePlace(damage.make(tmp_path_factory.mktemp("verify") / "store"))


@pytest.fixture
def root(place: StorePlace) -> Path:
    return place.fresh()


def problems_of(root: Path) -> dict[str, str]:
    """Problems by path, and the check that found each."""
    return {problem.path: problem.check for problem in verify(Layout(root)).problems}


def test_a_sound_store_passes_and_nothing_in_it_is_changed(root: Path) -> None:
    before, counted = damage.everything(root), []
    found = verify(Layout(root), lambda *numbers: counted.append(numbers))
    assert found.is_sound, found.problems
    by_kind = damage.files(root)
    expected = sum(len(by_kind[kind]) for kind in ("data", "retired", "quarantine", "revisions"))
    assert (found.files, found.notes, found.snapshot) == (expected, [], 5)
    assert found.rows == 300 + 2 + 2 + 40 + 40 - 18 + 1 + 20, "live and retired bars, a quarantined one, revisions"
    assert [done for done, _, _ in counted] == list(range(1, expected + 1))
    assert damage.everything(root) == before


def test_there_is_nothing_to_verify_without_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError):
        verify(Layout(tmp_path))


def pairs(by_kind: dict[str, list[Path]]) -> dict[Path, Path]:
    """Each private generation and its public copy name each other: where neither reads badly, either may be meant."""
    both = list(zip(by_kind["catalog"], by_kind["public"], strict=True))
    return {one: other for pair in both for one, other in (pair, pair[::-1])}


def assert_found(root: Path, flipped: dict[Path, tuple[int, int]], partner: dict[Path, Path]) -> None:
    found = problems_of(root)
    for path, where in flipped.items():
        names = {str(name.relative_to(root)) for name in (path, partner.get(path, path))}
        assert names & set(found), f"a flipped bit at {where} of {path} was not found; only {found}"


@pytest.mark.parametrize("kind", ["data", "log", "catalog", "derived"])
def test_one_flipped_bit_is_found_and_its_file_alone_is_named(root: Path, kind: str) -> None:
    by_kind = damage.files(root)
    path = by_kind[kind][-1]
    where = flip(path, random.Random(f"{SEED}{kind}"))
    found = set(problems_of(root))
    named = {str(name.relative_to(root)) for name in (path, pairs(by_kind).get(path, path))}
    if kind == "derived":  # a damaged manifest vouches for none of its folder
        named |= {str(other.relative_to(root)) for other in by_kind[kind]}
    assert found, where
    assert found <= named


def flip_everywhere(place: StorePlace, rounds: int) -> int:
    """Flip one bit of every file (of a generation's two files one) and look for all of them, some rounds; how many."""
    flips = 0
    for number in range(rounds):
        root = place.fresh()
        chance = random.Random(f"{SEED}{number}")
        by_kind = damage.files(root)
        partner = pairs(by_kind)
        chosen = [path for kind in damage.KINDS[:5] for path in by_kind[kind]]
        chosen += [chance.choice(pair) for pair in zip(by_kind["catalog"], by_kind["public"], strict=True)]
        chosen.append(chance.choice(by_kind["derived"]))
        assert_found(root, {path: flip(path, chance) for path in chosen}, partner)
        flips += len(chosen)
    return flips


def test_flipped_bits_in_every_file_at_once_are_all_found(place: StorePlace) -> None:
    assert flip_everywhere(place, 4) >= 60


@pytest.mark.slow
def test_hundreds_of_flipped_bits_are_all_found(place: StorePlace) -> None:
    assert flip_everywhere(place, 20) >= 250
    root = place.fresh()
    by_kind = damage.files(root)
    partner = pairs(by_kind)
    for number in range(100):
        chance = random.Random(f"one {SEED}{number}")
        path = chance.choice(by_kind[damage.KINDS[number % len(damage.KINDS)]])
        content = path.read_bytes()
        assert_found(root, {path: flip(path, chance)}, partner)
        overwrite(path, content)


@pytest.mark.parametrize("also", ["catalog", "public"])
def test_damaged_files_are_named_even_where_log_and_database_are_damaged_too(root: Path, also: str) -> None:
    by_kind = damage.files(root)
    hit = [
        by_kind["data"][0],
        by_kind["quarantine"][0],
        by_kind["log"][0],
        by_kind["catalog"][-1],
        by_kind["derived"][-1],
    ]
    if also == "public":
        hit.append(by_kind["public"][-1])
    for path in hit:
        overwrite(path, path.read_bytes()[:60] + b"!" * (path.stat().st_size - 60))
    named = {str(path.relative_to(root)) for path in hit if path not in by_kind["public"]}
    assert named <= set(problems_of(root)), "of a generation's two files one may stand for both"


def test_files_that_are_cut_emptied_or_swapped_are_named(root: Path) -> None:
    by_kind = damage.files(root)
    first, second, third = by_kind["data"][:3]
    overwrite(first, first.read_bytes()[:-100])
    overwrite(second, b"")
    overwrite(third, by_kind["retired"][0].read_bytes())
    log = by_kind["log"]
    overwrite(log[2], log[1].read_bytes())
    found = problems_of(root)
    for path in (first, second, third, log[2]):
        assert str(path.relative_to(root)) in found


def test_missing_and_unknown_files_are_named(root: Path) -> None:
    by_kind = damage.files(root)
    gone = [by_kind["data"][0], by_kind["revisions"][0], by_kind["log"][1], by_kind["public"][-1]]
    for path in gone:
        path.unlink()
    strangers = [root / "data/stray.parquet", root / "meta/quarantine/x.parquet", root / "catalog/000005.duckdb.wal"]
    for path in strangers:
        path.write_bytes(b"?")
    found = problems_of(root)
    for path in [*gone, *strangers]:
        assert str(path.relative_to(root)) in found, path
    assert found["data/stray.parquet"] == "unknown_files"


def test_a_lost_newest_generation_is_found(root: Path) -> None:
    damage.files(root)["catalog"][-1].unlink()
    assert "meta/log/000005.parquet" in problems_of(root)


def test_a_public_link_that_points_elsewhere_is_found(root: Path) -> None:
    link = root / "market.duckdb"
    link.unlink()
    link.symlink_to("public/000002/market.duckdb")
    assert problems_of(root) == {"market.duckdb": "public"}


def change_log(root: Path, records: list[LogRecord]) -> None:
    """Commit records that no writer would: what they say of the files is wrong, and the log and database agree."""
    with Repository(root) as repository, staging.staging_folder(repository.layout) as folder:
        snapshots.rebuild(repository.layout, folder, records)


def test_coverage_that_contradicts_the_files_is_found(root: Path) -> None:
    empty = {
        "source": "polygon", "schema": "ohlcv-1m", "tickers": ["A"], "result": "empty", "fetched_at": damage.NOW,
        "ranges": [{"start_ts": "2024-01-02T14:30:00+00:00", "end_ts": "2024-01-02T14:40:00+00:00"}],
    }  # fmt: skip
    change_log(
        root,
        [
            replay.removal_record("polygon", "ohlcv-1m", "B", [minutes(0, 50)]),
            LogRecord("put", "coverage_ledger", empty),
        ],
    )
    found = problems_of(root)
    assert sorted(found.values()) == ["bars_in_empty_ranges", "unrecorded_coverage"]
    by_check = {check: path for path, check in found.items()}
    assert "/ticker=B/" in by_check["unrecorded_coverage"]
    assert "/ticker=A/" in by_check["bars_in_empty_ranges"]


def test_a_file_of_another_series_under_a_known_name_is_found(root: Path) -> None:
    by_kind = damage.files(root)
    path = next(path for path in by_kind["data"] if "ticker=B/" in str(path))
    other = next(path for path in by_kind["data"] if "BTC" in str(path))
    overwrite(path, other.read_bytes())
    assert problems_of(root)[str(path.relative_to(root))] == "file_places"


def forge(root: Path, source: Path, bars: pa.Table) -> str:
    """A file beside another, with the same footer but for its name, over other bars; gives its path."""
    with pq.ParquetFile(source) as file:
        footer = json.loads(file.metadata.metadata[FOOTER_KEY])
    footer["file_id"] = new_id()
    path = source.with_name(f"{footer['file_id']}.parquet")
    with pq.ParquetWriter(path, arrow_schema(), write_page_checksum=True) as writer:
        writer.write_table(bars)
        writer.add_key_value_metadata({FOOTER_KEY: json.dumps(footer).encode(), checksum.KEY: checksum.OPEN})
    checksum.write_checksum(path)
    return str(path.relative_to(root))


def test_sealed_files_whose_rows_or_ranges_are_wrong_are_found(root: Path) -> None:
    source = next(path for path in damage.files(root)["data"] if "ticker=B/" in str(path))
    true = minute_bars({0: 3.0, 5: 4.0, **dict.fromkeys(range(20, 40), 2.0)})
    assert data_file.content_id(true) == data_file.content_id(
        data_file.read_bars(root, [str(source.relative_to(root))])
    )
    repeated = pa.concat_tables([true.slice(0, 1), true.slice(0, 1), true.slice(2)])
    forged = [forge(root, source, bars) for bars in (true, true.slice(1), repeated)]
    change_log(root, [LogRecord("put", "files", {"path": path}) for path in forged])
    found = {problem.path: problem for problem in verify(Layout(root)).problems}
    assert [found[path].check for path in forged] == ["overlapping_files", "file_facts", "file_facts"]
    assert found[forged[1]].problem.endswith("row_count, ts_min, content_id")
    assert found[forged[2]].problem.endswith("content_id")
    facts = file_facts.read_facts(root, forged[2], "data")
    assert facts.is_sorted is False


VERIFY = """
from pathlib import Path
from mtstore.storage.layout import Layout
from mtstore.storage.maintenance.verify import verify
print("ready", flush=True)
sys.stdin.readline()
for _ in range(2):
    found = verify(Layout(Path(args[0])))
    assert found.is_sound, found.problems
"""


def test_verify_is_not_disturbed_by_concurrent_writers(tmp_path: Path) -> None:
    with mtstore.open(tmp_path / "store", create=True) as store:
        damage.fill(store)
        child = process(VERIFY, store.path)
        assert next(iter(lines_of(child))) == "ready"
        tell(child, "go")
        for number in range(3):
            write(store, answer("A", {number: 5.0, 600 + number: 1.0}, minutes(number, number + 1)))
        end(child)
    shutil.rmtree(store.path)


def test_database_file_of_an_earlier_version_is_compared_with_the_log(tmp_path):
    path = tmp_path / "earlier.duckdb"
    expected = new_instance()
    with attached(path, read_only=False) as connection:
        for tables in (connection, expected):
            replay.create_tables(tables)
        connection.execute("ALTER TABLE core.splits DROP COLUMN event_id")
    assert find_difference(expected, path, with_objects=False) is None
    expected.execute("INSERT INTO core.sources VALUES ('a', 'b', NULL)")
    assert find_difference(expected, path, with_objects=False) == (
        "is not what the log says: core.sources misses 1 rows and has 0 unexpected"
    )
    expected.close()
