"""Room: what goes from the cache and in which order, what never goes, and what is asked for again afterwards."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

import mtstore
from mtstore.errors import InputError
from mtstore.ingest.network.ingest_network import ingest_network
from mtstore.query.cache import result_cache, table_cache
from mtstore.storage.commit import last_used
from tests.kits.bar_stores import add_bars, walk
from tests.kits.bar_stores import minutes as minute_starts
from tests.servers.configs import config_for
from tests.servers.polygon import KEY, PolygonServer, minutes

TICKERS = ("AAA", "BBB", "CCC")
DAY, EARLIER = "2024-03-04", "2023-03-06"
REFETCHABLE = {"evict": "refetchable"}


@pytest.fixture
def vendor(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    with PolygonServer() as server:
        for ticker in TICKERS:
            server.companies[ticker].minutes = [*minutes(EARLIER, 30), *minutes(DAY, 30)]
        yield server


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def loader(vendor, path):
    with loads(vendor, path) as opened:
        yield opened


def loads(vendor, path, **cache):
    config = config_for(vendor, TICKERS, store=str(path), cache={**REFETCHABLE, **cache}, validation={"enabled": False})
    return mtstore.MultiTickerDataLoader(config)


def stored(store):
    return store.sql("SELECT DISTINCT ticker || ' ' || year FROM bars ORDER BY ALL").to_arrow().column(0).to_pylist()


def covered(store):
    return {row[0] for row in store.sql("SELECT DISTINCT ticker FROM coverage").fetchall()}


def share_of(store, share):
    """A share of all bars' size, in GB, and a byte for the rounding."""
    return (float(store.sql("SELECT sum(byte_size) FROM files").fetchall()[0][0]) * share + 1) / 1e9


def note_use(path, ticker, year, at):
    """What a process of somebody leaves behind."""
    (path / last_used.FOLDER).mkdir(exist_ok=True)
    (path / last_used.FOLDER / f"{ticker}-{year}.jsonl").write_text(json.dumps([ticker, year, at.isoformat()]))


def test_least_recently_used_bars_are_evicted_and_fetched_again(loader, vendor, path):
    loader.load_data(DAY, DAY)
    later = datetime.now(UTC) + timedelta(hours=1)
    for ticker in ("AAA", "CCC"):
        note_use(path, ticker, 2024, later)
    gone = loader.cache_manager.prune(max_size_gb=share_of(loader.store, 2 / 3))
    assert [entry.partition.ticker for entry in gone.partitions] == ["BBB"]
    assert stored(loader.store) == ["AAA 2024", "CCC 2024"]
    assert covered(loader.store) == {"AAA", "CCC"}
    vendor.forget()
    frame = loader.load_data(DAY, DAY)
    assert [request.path.split("/")[4] for request in vendor.requests if "/aggs/" in request.path] == ["BBB"]
    assert frame.notna().all(axis=None)


def test_years_of_a_ticker_go_one_by_one(loader, path):
    loader.load_data(EARLIER, EARLIER)
    loader.load_data(DAY, DAY)
    for ticker in TICKERS:
        note_use(path, ticker, 2023, datetime.now(UTC) + timedelta(hours=1))
    loader.cache_manager.prune(max_size_gb=share_of(loader.store, 0.5))
    assert stored(loader.store) == ["AAA 2023", "BBB 2023", "CCC 2023"]
    assert covered(loader.store) == set(TICKERS)
    assert loader.load_data(EARLIER, EARLIER) is not None
    report = loader.report
    assert all(entry.requests == 0 for entry in report)


def test_a_pinned_ticker_and_what_came_from_files_stay(loader, path):
    loader.load_data(DAY, DAY)
    add_bars(loader.store, {"AAA": walk(minute_starts("2024-06-03"))})  # into a fetched partition
    add_bars(loader.store, {"DDD": walk(minute_starts("2024-06-03"))})
    assert loader.cache_manager.pin("BBB") == ["BBB"]
    loader.cache_manager.prune(max_size_gb=0)
    assert stored(loader.store) == ["AAA 2024", "BBB 2024", "DDD 2024"]
    assert loader.cache_manager.unpin("BBB") == []
    loader.cache_manager.prune(max_size_gb=0)
    assert stored(loader.store) == ["AAA 2024", "DDD 2024"]


def test_what_was_called_stale_can_go_all_the_same(loader):
    loader.load_data(DAY, DAY)
    assert loader.cache_manager.invalidate("AAA") == 1
    loader.cache_manager.prune(max_size_gb=0)
    assert stored(loader.store) == []


def test_bars_of_unconfigured_source_are_not_evicted(vendor, path):
    with loads(vendor, path) as loader:
        loader.load_data(DAY, DAY)
    with mtstore.CacheManager({"multi_ticker": {"store": str(path), "cache": REFETCHABLE}}) as cache:
        assert cache.prune(max_size_gb=0).partitions == ()


def test_without_leave_only_derived_results_go(vendor, path, monkeypatch):
    monkeypatch.setattr(table_cache, "MIN_TABLE_BYTES", 1)
    with loads(vendor, path, evict="derived") as loader:
        frame = loader.load_data(DAY, DAY)
        assert len(result_cache.cached_results(loader.store.repository)) == 1
        gone = loader.cache_manager.prune(max_size_gb=0)
        assert gone.derived_bytes == gone.bytes > 0
        assert result_cache.cached_results(loader.store.repository) == []
        assert len(stored(loader.store)) == 3
        assert frame.notna().all(axis=None)


def test_derived_results_go_before_fetched_bars(vendor, path, monkeypatch):
    monkeypatch.setattr(table_cache, "MIN_TABLE_BYTES", 1)
    with loads(vendor, path) as loader:
        loader.load_data(DAY, DAY)
        gone = loader.cache_manager.prune(max_size_gb=share_of(loader.store, 1))
        assert gone.partitions == ()
        assert result_cache.cached_results(loader.store.repository) == []


def test_a_load_that_fetched_makes_room_by_itself(vendor, path):
    with loads(vendor, path, max_size_gb=1e-9) as loader:
        frame = loader.load_data(DAY, DAY)
        assert frame.notna().all(axis=None)
        assert stored(loader.store) == []
        assert loader.load_data(DAY, DAY).equals(frame)


@pytest.mark.parametrize("way", ["ingest", "fetch_async"])
def test_a_fetch_without_a_loader_makes_room_too(vendor, path, way):
    config = config_for(vendor, TICKERS, cache={**REFETCHABLE, "max_size_gb": 1e-9})
    with mtstore.open(path, create=True) as store:
        if way == "ingest":
            report = store.ingest(config=config, start=DAY, end=DAY)
        else:
            report = asyncio.run(store.fetch_async(config, DAY, DAY))
        assert report.is_complete
        assert report.rows == 90
        assert stored(store) == []
        assert covered(store) == set()


READS = {
    "bars": lambda store: store.bars("AAA", DAY, DAY).to_arrow(),
    "bars in rows": lambda store: store.bars("AAA", DAY, DAY).fetchall(),
    "resample": lambda store: store.resample("AAA", "5min", DAY, DAY).to_pandas(),
    "align": lambda store: store.align(["AAA"], "5min", DAY, DAY).to_pandas(),
    "align in rows": lambda store: store.align(["AAA"], "5min", DAY, DAY).to_arrow(),
    "tensor": lambda store: store.tensor(["AAA"], "5min", DAY, DAY),
    "mapped tensor": lambda store: store.tensor(["AAA"], "5min", DAY, DAY, mmap=True),
    "gaps": lambda store: store.gaps(["AAA"], DAY, DAY).to_arrow(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_reading_through_the_store_is_a_use(vendor, path, read):
    config = config_for(vendor, TICKERS, cache=REFETCHABLE)
    with mtstore.open(path, create=True) as store, mtstore.CacheManager(config, store=store) as cache:
        store.ingest(config=config, start=DAY, end=DAY)
        read(store)
        noted = [line for file in (path / last_used.FOLDER).iterdir() for line in file.read_text().splitlines()]
        assert [json.loads(line)[:2] for line in noted] == [["AAA", 2024]]
        cache.prune(max_size_gb=share_of(store, 1 / 3))
        assert stored(store) == ["AAA 2024"]


def test_evicted_files_stay_for_readers_until_the_grace_period_is_over(loader):
    loader.load_data(DAY, DAY)
    with loader.store.snapshot():
        loader.cache_manager.prune(max_size_gb=0)
        assert len(stored(loader.store)) == 3
    assert stored(loader.store) == []
    files = list((loader.store.path / "data").rglob("*.parquet"))
    assert len(files) == 3


def test_a_rebuild_gives_the_same_pins_uses_and_coverage(loader):
    loader.load_data(EARLIER, EARLIER)
    loader.load_data(DAY, DAY)
    loader.cache_manager.pin("CCC")
    loader.cache_manager.prune(max_size_gb=0)
    loader.load_data(DAY, DAY, tickers=["AAA"])
    loader.cache_manager.pin("AAA")  # folds the uses in
    query = "SELECT ticker, row_count, range_count, used_at, is_pinned FROM cache_index ORDER BY ALL"
    before = loader.store.sql(query).fetchall()
    assert before[0][3] is not None
    loader.store.rebuild()
    assert loader.store.sql(query).fetchall() == before


def test_uses_are_folded_in_by_the_next_commit_and_never_go_back(loader, path):
    loader.load_data(DAY, DAY)
    assert list((path / last_used.FOLDER).glob("*.jsonl"))
    loader.cache_manager.pin("AAA")
    assert list((path / last_used.FOLDER).iterdir()) == []
    (first,) = loader.store.sql("SELECT DISTINCT used_at FROM cache_index WHERE used_at IS NOT NULL").fetchall()
    note_use(path, "AAA", 2024, first[0] - timedelta(days=1))
    (path / last_used.FOLDER / "damaged.jsonl").write_text("[[")
    loader.cache_manager.pin("BBB")
    assert loader.store.sql("SELECT used_at FROM cache_index WHERE ticker = 'AAA'").fetchall() == [first]
    assert list((path / last_used.FOLDER).iterdir()) == []


def test_reading_again_within_the_minute_writes_nothing(loader, path):
    loader.load_data(DAY, DAY)
    (sidecar,) = (path / last_used.FOLDER).iterdir()
    written = sidecar.stat().st_mtime_ns
    loader.load_data(DAY, DAY)
    assert sidecar.stat().st_mtime_ns == written


def test_only_known_tickers_can_be_pinned(loader):
    loader.load_data(DAY, DAY)
    with pytest.raises(InputError, match=r"'AAB' is not known to the store; did you mean 'AAA'\?"):
        loader.cache_manager.pin("AAB")
    with pytest.raises(InputError, match="'AAA' is not pinned"):
        loader.cache_manager.unpin("AAA")


def test_bars_fetched_without_a_loader_can_go_too(vendor, path):
    config = config_for(vendor, TICKERS, cache=REFETCHABLE)
    with mtstore.open(path, create=True) as store:
        ingest_network(store.repository, config, DAY, DAY)
        with mtstore.CacheManager(config, store=store) as cache:
            assert len(cache.prune(max_size_gb=0).partitions) == 3
        assert store.sql("SELECT count(*) FROM splits").fetchall() == [(0,)]


@pytest.mark.parametrize(("compression", "kind"), [(True, "ZSTD"), (False, "UNCOMPRESSED")])
def test_fetched_bars_are_compressed_as_configured(vendor, path, compression, kind):
    with loads(vendor, path, compression=compression) as loader:
        loader.load_data(DAY, DAY)
    files = list(path.glob("data/**/*.parquet"))
    assert len(files) == len(TICKERS)
    assert {pq.read_metadata(file).row_group(0).column(1).compression for file in files} == {kind}
