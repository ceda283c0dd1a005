"""Arguments that cannot be right: each is refused by an error of ours that names it, where it is given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mtstore
from mtstore import CacheManager, MetadataManager, MultiTickerDataLoader, TickerDataLoader, UnifiedDataLoader
from mtstore.errors import InputError, MemoryLimitError, RangeError, TickerError, UnsupportedSchemaError
from tests.kits.bar_stores import make_store, minutes, walk

DAY = "2023-11-22"
NO_TICKERS = [5, [1], b"AAA", [b"AAA"], [None], True, ["AAA", 5], "", " AAA", ["A\nB"]]
NO_TICKER = [None, 5, ["AAA"], b"AAA", ""]


class World:
    """A store of one ticker and day, and everything that reads it."""

    def __init__(self, path):
        make_store(path, {"AAA": walk(minutes(DAY))}).close()
        self.config = {"store": str(path), "tickers": ["AAA"], "on_missing": "warn"}
        self.store = mtstore.open(path)
        self.loader = MultiTickerDataLoader(self.config)
        self.single = UnifiedDataLoader(self.config)
        self.cache = CacheManager(self.config)
        self.metadata = MetadataManager(path)

    def close(self):
        for one in (self.store, self.loader, self.single, self.cache, self.metadata):
            one.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("arguments") / "store")
    yield made
    made.close()


def frame(count: int = 3) -> pd.DataFrame:
    index = pd.date_range("2024-01-03 14:30", periods=count, freq="min", tz="UTC", name="ts_event")
    return pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), index=index)


EDGES = {
    "the last day": (DAY, "9999-12-31"),
    "all days": ("0001-01-01", "9999-12-31"),
    "the last instant": (f"{DAY}T09:30", "9999-12-31T23:59:59.999999Z"),
}
RANGES = {
    "load_data": lambda world, *range_: world.loader.load_data(*range_),
    "iter_data": lambda world, *range_: pd.concat(world.loader.iter_data(*range_)),
    "get_ticker_data": lambda world, *range_: world.loader.get_ticker_data("AAA", *range_),
    "load_ohlcv": lambda world, *range_: world.single.load_ohlcv("AAA", *range_),
    "align": lambda world, *range_: world.store.align("AAA", "1min", *range_).to_pandas(),
    "bars": lambda world, *range_: world.store.bars("AAA", *range_).to_pandas(),
}


@pytest.mark.sampled(6)
@pytest.mark.filterwarnings("ignore:.*does not cover")
@pytest.mark.parametrize("range_", EDGES.values(), ids=EDGES)
@pytest.mark.parametrize("read", RANGES.values(), ids=RANGES)
def test_ranges_to_the_ends_of_time_give_what_is_stored(world, read, range_):
    assert len(read(world, *range_)) == 390


@pytest.mark.parametrize("range_", EDGES.values(), ids=EDGES)
def test_a_range_to_the_end_of_time_is_not_cached(world, range_):
    assert world.cache.get_cached_data("AAA", *range_) is None


def test_mapped_tensors_are_not_cut_beyond_all_sessions(world):
    assert len(world.store.tensor("AAA", "1min", "9999-12-30", "9999-12-31", mmap=True)) == 0


def test_a_range_of_many_years_is_noted_as_all_of_them(world):
    world.store.bars("AAA", "0001-01-01", "9999-12-31").to_arrow()
    (noted,) = (world.store.path / "uses").glob(f"{world.store.repository.last_used._name}")
    assert len(noted.read_text().splitlines()) < 30


@pytest.mark.parametrize("limit", ["apples", "80%", "0B", "", 0, -1, True, 2.5, "9" * 400 + "B", b"1GB"])
def test_memory_limits_that_are_no_sizes_are_refused_everywhere(world, limit):
    for ask in (
        lambda: mtstore.open(world.store.path, memory_limit=limit),
        lambda: world.store.sql("SELECT 1", memory_limit=limit),
        lambda: world.store.tensor("AAA", "1min", DAY, DAY, memory_limit=limit),
        lambda: world.store.align("AAA", "1min").to_pandas(memory_limit=limit),
    ):
        with pytest.raises(InputError, match=r"memory limit .*: a size such as '500MB'"):
            ask()


@pytest.mark.parametrize("limit", ["1GB", "1.5 gib", 10**9])
def test_memory_limits_are_text_or_bytes_everywhere(world, limit):
    with mtstore.open(world.store.path, memory_limit=limit) as store:
        assert store.sql("SELECT 1 AS one", memory_limit=limit).fetchall() == [(1,)]
        assert len(store.tensor("AAA", "1min", DAY, DAY, memory_limit=limit)) == 390
        assert len(store.align("AAA", "1min").to_pandas(memory_limit=limit)) == 390
    with pytest.raises(MemoryLimitError, match="1 KB are allowed"):
        world.store.tensor("AAA", "1min", DAY, DAY, memory_limit="1KB")


def test_a_store_does_not_open_with_less_memory_than_duckdb_needs(world):
    with pytest.raises(MemoryLimitError, match="memory_limit is too little"):
        mtstore.open(world.store.path, memory_limit="1KB")


MANY = {
    "load_data": lambda world, names: world.loader.load_data(DAY, DAY, tickers=names),
    "iter_data": lambda world, names: world.loader.iter_data(DAY, DAY, tickers=names),
    "loader.quality": lambda world, names: world.loader.quality(DAY, DAY, tickers=names),
    "validate": lambda world, names: world.loader.validate(DAY, DAY, tickers=names),
    "prefetch": lambda world, names: world.loader.prefetch(DAY, DAY, tickers=names),
    "clear_cache": lambda world, names: world.loader.clear_cache(tickers=names),
    "align": lambda world, names: world.store.align(names, "5min"),
    "resample": lambda world, names: world.store.resample(names, "5min"),
    "bars": lambda world, names: world.store.bars(names),
    "tensor": lambda world, names: world.store.tensor(names),
    "gaps": lambda world, names: world.store.gaps(names),
    "store.quality": lambda world, names: world.store.quality(names),
    "compact": lambda world, names: world.store.compact(names),
    "ingest": lambda world, names: world.store.ingest([world.store.path / "none.csv"], tickers=names),
}
ONE = {
    "get_ticker_data": lambda world, name: world.loader.get_ticker_data(name, DAY, DAY),
    "load_ohlcv": lambda world, name: world.single.load_ohlcv(name, DAY, DAY),
    "get_data_info": lambda world, name: world.single.get_data_info(name),
    "TickerDataLoader": lambda world, name: TickerDataLoader(name, world.config),
    "get_cached_data": lambda world, name: world.cache.get_cached_data(name, DAY, DAY),
    "cache_data": lambda world, name: world.cache.cache_data(name, frame(), DAY, DAY),
    "pin": lambda world, name: world.cache.pin(name),
    "update_ticker_metadata": lambda world, name: world.metadata.update_ticker_metadata(name, {"a": 1}),
    "get_ticker_metadata": lambda world, name: world.metadata.get_ticker_metadata(name),
    "get_history": lambda world, name: world.metadata.get_history(name),
    "set_active_range": lambda world, name: world.metadata.set_active_range(name, DAY),
}


@pytest.mark.parametrize("names", NO_TICKERS, ids=repr)
@pytest.mark.parametrize("ask", MANY.values(), ids=MANY)
def test_what_is_no_ticker_is_refused_where_several_are_taken(world, ask, names):
    with pytest.raises(TickerError, match=r"tickers .*: "):
        ask(world, names)


@pytest.mark.parametrize("name", NO_TICKER, ids=repr)
@pytest.mark.parametrize("ask", ONE.values(), ids=ONE)
def test_what_is_no_ticker_is_refused_where_one_is_taken(world, ask, name):
    with pytest.raises(TickerError, match=r"(ticker|tickers|symbol) .*: a ticker is "):
        ask(world, name)


@pytest.mark.parametrize("name", [5, ["AAA"], " A", "a\nb", ""])
def test_a_frame_of_what_is_no_ticker_is_refused(world, name):
    snapshot = world.store.repository.layout.newest_snapshot()
    with pytest.raises(TickerError, match="a ticker is "):
        world.store.ingest(frame(), ticker=name, schema="ohlcv-1m")
    assert world.store.repository.layout.newest_snapshot() == snapshot


def test_a_text_is_one_ticker(world):
    assert world.store.compact("AAA").partitions == 0
    assert len(world.loader.load_data(DAY, DAY, tickers="AAA")) == 390
    assert world.loader.prefetch(DAY, DAY, tickers=(name for name in ["AAA"])) > 0


def test_the_loader_of_one_ticker_loads_without_its_name(world):
    with TickerDataLoader("AAA", world.config) as loader:
        assert len(loader.load(start=DAY, end=DAY)) == len(loader.load("AAA", DAY, DAY)) == 390
        with pytest.raises(InputError, match="was 'BBB'; this loader loads 'AAA' only"):
            loader.load("BBB", DAY, DAY)
        with pytest.raises(InputError, match="this loader loads 'AAA' only"):
            loader.load(["AAA"], DAY, DAY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda world: mtstore.open(None), "path: was None; use the path of a folder"),  # type: ignore[arg-type]
        (lambda world: MetadataManager(None), "path: was None; use the path of a folder"),  # type: ignore[arg-type]
        (lambda world: MetadataManager({"store": "x"}), "path: was {.*; use the path of a folder"),  # type: ignore[arg-type]
        (lambda world: world.store.sql(None), "a query is SQL text, got None"),
        (lambda world: world.store.sql("SELECT $t", 5), "params 5: a list"),
        (lambda world: world.store.sql("SELECT $t", "AAA"), "params 'AAA': a list"),
        (lambda world: world.cache.prune(max_size_gb="x"), "max_size_gb 'x': a number from 0"),
        (lambda world: world.cache.prune(max_size_gb=-1), "max_size_gb -1: a number from 0"),
        (lambda world: world.cache.prune(max_size_gb=float("nan")), "max_size_gb nan: a number from 0"),
        (lambda world: world.store.tensor("AAA", "1min", DAY, DAY).windows("a"), "length 'a': a whole number"),
        (lambda world: world.store.tensor("AAA", "1min", DAY, DAY).windows(1.5), "length 1.5: a whole number"),
        (lambda world: world.store.tensor("AAA", "1min", DAY, DAY).windows(5, 0), "stride 0: a whole number"),
        (lambda world: world.store.ingest(5), "takes paths of files.*: 5"),
        (lambda world: world.store.ingest([None]), "takes paths of files.*: None"),
        (lambda world: world.store.ingest(config=world.config), "needs start: where the bars should begin"),
        (lambda world: world.metadata.update_ticker_metadata("AAA", [1]), r"was \[1\]; use a mapping with text keys"),
        (lambda world: world.metadata.update_many([1]), "mapping by ticker"),
    ],
)
def test_a_wrong_argument_is_named(world, ask, said):
    with pytest.raises(InputError, match=said):
        ask(world)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"source": 5}, "source: was 5; use lower-case"),
        ({"source": "pol/ygon"}, "source: was 'pol/ygon'; use lower-case"),
        ({"covers": "2023"}, "covers: was '2023'; use 'auto', or two dates"),
        ({"covers": ("2023-01-01",)}, "covers: was .*; use 'auto', or two dates"),
        ({"covers": 5}, "covers: was 5; use 'auto', or two dates"),
    ],
)
def test_options_of_a_frame_are_checked(world, options, said):
    with pytest.raises(InputError, match=said):
        world.store.ingest(frame(), ticker="NEW", schema="ohlcv-1m", **options)


def test_windows_take_numpys_whole_numbers(world):
    tensor = world.store.tensor("AAA", "1min", DAY, DAY)
    assert len(list(tensor.windows(np.int64(100), np.int32(100)))) == 3


def test_a_polars_frame_goes_in_as_one_of_pandas(tmp_path):
    with mtstore.open(tmp_path / "store", create=True) as store:
        given = pl.from_pandas(frame().reset_index())
        assert store.ingest(given, ticker="AAA", schema="ohlcv-1m").rows == 3
        back = store.bars("AAA").to_polars()
        assert back["close"].to_list() == [1.0] * 3


@pytest.mark.parametrize("what", [{"source": "pol/ygon"}, {"source": 5}, {"schema": "1d"}, {"schema": 5}])
def test_words_that_name_no_cached_series_are_refused(world, what):
    kind = InputError if "source" in what else UnsupportedSchemaError
    for ask in (world.cache.get_cached_data, world.cache.invalidate):
        with pytest.raises(kind, match=f"^{next(iter(what))}:? "):
            ask("AAA", DAY, DAY, **what)


def test_metadata_as_of_a_day_or_a_text(tmp_path):
    make_store(tmp_path / "store").close()
    with MetadataManager(tmp_path / "store") as manager:
        manager.update_ticker_metadata("AAA", whole=np.int64(3), part=np.float32(0.5), more={"deep": [np.int8(1)]})
        known = {"whole": 3, "part": 0.5, "more": {"deep": [1]}}
        assert manager.get_ticker_metadata("AAA") == known
        today = manager.get_history("AAA")[0].known_at.date()
        assert manager.get_ticker_metadata("AAA", as_of=today) == known
        assert manager.get_ticker_metadata("AAA", as_of="2023-01-01") == {}
        assert manager.get_ticker_metadata("AAA", as_of=pd.Timestamp("2023-01-01")) == {}
        assert 5 not in manager  # type: ignore[comparison-overlap]
        with pytest.raises(RangeError, match="as_of 'x' cannot be read"):
            manager.get_ticker_metadata("AAA", as_of="x")
        with pytest.raises(RangeError, match="active_from: was 'x'; use a date like '2023-01-31'"):
            manager.set_active_range("AAA", "x")
        with pytest.raises(InputError, match="must be JSON values"):
            manager.update_ticker_metadata("AAA", wrong=np.float32("nan"))


FIELDS = {
    "load_data": lambda world, fields: list(world.loader.load_data(DAY, DAY, fields=fields).columns),
    "iter_data": lambda world, fields: list(next(world.loader.iter_data(DAY, DAY, fields=fields)).columns),
    "align": lambda world, fields: list(world.store.align("AAA", "1min").to_pandas(fields=fields).columns),
    "tensor": lambda world, fields: [
        f"AAA_{name}" for name in world.store.tensor("AAA", "1min", DAY, DAY, fields=fields).fields
    ],
}


@pytest.mark.parametrize("read", FIELDS.values(), ids=FIELDS)
def test_a_text_is_one_field_and_none_at_all_are_the_usual_ones(world, read):
    assert read(world, "close") == ["AAA_close"]
    assert read(world, np.array(["close", "open"])) == ["AAA_close", "AAA_open"]
    usual = [f"AAA_{name}" for name in ("open", "high", "low", "close", "volume")]
    assert read(world, []) == read(world, ()) == read(world, None) == usual
    for wrong, said in (
        (5, "fields 5: one of"),
        ("c", "field 'c' is not one of"),
        (["open"] * 2, "is listed twice"),
    ):
        with pytest.raises(InputError, match=said):
            read(world, wrong)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"max_age": 5}, "max_age 5"), ({"lookback": "x"}, "'x' is not"), ({"across_sessions": "no"}, "True or False")],
)
def test_options_of_filling_are_checked_when_they_are_given(world, options, said):
    with pytest.raises(InputError, match=said):
        world.store.align("AAA", "5min", method="forward_fill", **options)
