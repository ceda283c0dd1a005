"""A data file that was lost or damaged is named by whatever meets it, and so is the command that mends it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mtstore
from mtstore.errors import SnapshotExpiredError, StoreError
from tests.kits.bar_stores import add_bars, make_store, minutes, walk
from tests.kits.damage import overwrite
from tests.kits.store_paths import StorePlace

DAY = "2023-12-01"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("stores") / "store"
    make_store(path, {"AAA": walk(minutes(DAY)), "BBB": walk(minutes(DAY))}).close()
    return StorePlace(path)


def halve(path: Path) -> None:
    content = path.read_bytes()
    overwrite(path, content[: len(content) // 2])


def spoil_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(8, len(content) // 2, 16):
        content[place] ^= 0xFF
    overwrite(path, bytes(content))


@pytest.fixture(params=[halve, spoil_pages, Path.unlink], ids=["halved", "spoilt pages", "gone"])
def damaged(request, sound):
    """A store whose file of AAA cannot be read, and that file."""
    path = sound.fresh()
    (file,) = path.glob("data/*/*/ticker=AAA/**/*.parquet")
    request.param(file)
    with mtstore.open(path) as store:
        yield store, file


def loaded(store):
    with mtstore.MultiTickerDataLoader({"store": str(store.path), "tickers": ["AAA", "BBB"]}) as loader:
        return loader.load_data(DAY, DAY)


READS = {
    "bars": lambda store: store.bars("AAA").to_arrow(),
    "resample": lambda store: store.resample("AAA", "5min").to_pandas(),
    "align": lambda store: store.align(["AAA", "BBB"], "5min").to_pandas(),
    "align in rows": lambda store: store.align(["AAA", "BBB"], "5min").to_arrow(),
    "tensor": lambda store: store.tensor(["AAA", "BBB"]),
    "sql": lambda store: store.sql("SELECT sum(close) FROM bars WHERE ticker = 'AAA'").fetchall(),
    "sql within bounds": lambda store: store.sql(
        "SELECT * FROM bars", memory_limit="200MB", timeout_seconds=60
    ).to_arrow(),
    "load": loaded,
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_every_read_names_the_damaged_file_and_the_remedy(damaged, read):
    store, file = damaged
    with pytest.raises(StoreError, match="`mtstore repair") as caught:
        read(store)
    assert not isinstance(caught.value, SnapshotExpiredError)
    # DuckDB alone does not say in which file it met a page that it cannot decode.
    assert str(file) in str(caught.value) or "`mtstore verify` says which" in str(caught.value)


def test_writer_names_the_damaged_file_and_changes_nothing(damaged):
    store, file = damaged
    snapshot = store.repository.layout.newest_snapshot()
    with pytest.raises(StoreError, match=re.escape(f"{file} ")) as caught:
        add_bars(store, {"AAA": walk(minutes(DAY, count=10), base=7.0)})
    assert f"`mtstore repair {store.path}`" in str(caught.value)
    assert store.repository.layout.newest_snapshot() == snapshot


@pytest.mark.parametrize(
    "damaged",
    [halve, *(pytest.param(way, marks=pytest.mark.slow) for way in (spoil_pages, Path.unlink))],
    indirect=True,
)
def test_repair_mends_the_named_file(damaged):
    store, _ = damaged
    assert store.repair().problems
    assert store.align(["BBB"], "5min").to_pandas().shape == (78, 5)
    assert store.sql("SELECT DISTINCT ticker FROM bars").fetchall() == [("BBB",)]


def test_store_restored_from_copy_is_read_as_it_is(sound):
    with mtstore.open(sound.fresh()) as store:
        add_bars(store, {"CCC": walk(minutes(DAY), base=1.0)})
        before = store.align(["CCC"], "5min").to_pandas()
        snapshot = store.repository.layout.newest_snapshot()
    with mtstore.open(sound.fresh()) as store:
        add_bars(store, {"CCC": walk(minutes(DAY), base=500.0)})
        assert store.repository.layout.newest_snapshot() == snapshot
        assert store.align(["CCC"], "5min").to_pandas()["CCC_low"].min() > before["CCC_high"].max()
