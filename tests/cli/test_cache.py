from __future__ import annotations

import csv
import io

import pytest

import mtstore
from mtstore.query.cache import table_cache
from tests.kits.bar_stores import make_store, minutes, walk
from tests.kits.store_paths import StorePlace

DAY = "2023-11-22"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    tables = {"AAA": walk(minutes(DAY)), "BBB": walk(minutes(DAY))}
    with make_store(tmp_path_factory.mktemp("place") / "store", tables, covers=(DAY, "2023-11-23")) as made:
        return StorePlace(made.path)


@pytest.fixture
def store(place):
    return place.fresh()


def rows(outcome):
    return list(csv.DictReader(io.StringIO(outcome.out)))


def test_cache_ls_shows_every_series(mtstore_cli, store):
    listed = rows(mtstore_cli("cache", "ls", store, "--format", "csv"))
    assert [row["ticker"] for row in listed] == ["AAA", "BBB"]
    assert {"byte_size", "age", "fresh_until", "is_stale", "used_at", "is_pinned"} <= set(listed[0])
    assert mtstore_cli("cache", "ls", store).code == 0


def test_cache_ls_shows_derived_results_and_prune_removes_them(mtstore_cli, store, monkeypatch):
    monkeypatch.setattr(table_cache, "MIN_TABLE_BYTES", 1)
    multi = {"store": str(store), "tickers": ["AAA"], "validation": {"enabled": False}}
    with mtstore.MultiTickerDataLoader(multi) as loader:
        loader.load_data(DAY, DAY)
    (entry,) = rows(mtstore_cli("cache", "ls", store, "--derived", "--format", "csv"))
    assert "AAA" in entry["tickers"]
    pruned = mtstore_cli("cache", "prune", store, "--max-size-gb", 0)
    assert pruned.code == 0
    assert "0 partitions" in pruned.err
    assert rows(mtstore_cli("cache", "ls", store, "--derived", "--format", "csv")) == []
    assert len(rows(mtstore_cli("cache", "ls", store, "--format", "csv"))) == 2


def test_pins_are_set_listed_and_taken_away(mtstore_cli, store):
    assert mtstore_cli("cache", "pin", store, "BBB", "AAA").out == "AAA\nBBB\n"
    assert mtstore_cli("cache", "pin", store, "AAA", "--remove").out == "BBB\n"
    assert mtstore_cli("cache", "pin", store).out == "BBB\n"
    unknown = mtstore_cli("cache", "pin", store, "BBC")
    assert unknown.code != 0
    assert "did you mean 'BBB'" in unknown.err


@pytest.mark.parametrize(
    ("options", "stale"),
    [
        (["--tickers", "AAA"], {"AAA"}),
        (["--tickers", "AAA,BBB"], {"AAA", "BBB"}),
        (["--source", "polygon"], {"AAA", "BBB"}),
        (["--source", "databento"], set()),
        (["--schema", "ohlcv-1d"], set()),
        (["--tickers", "BBB", "--start", DAY, "--end", DAY], {"BBB"}),
        (["--tickers", "BBB", "--start", "2023-11-23T12:00Z", "--end", "2023-11-24T12:00Z"], set()),
        (["--all"], {"AAA", "BBB"}),
    ],
)
def test_invalidate_by_ticker_source_schema_range_and_all(mtstore_cli, store, options, stale):
    outcome = mtstore_cli("cache", "invalidate", store, *options)
    assert outcome.code == 0, outcome.err
    assert f"{len(stale)} series" in outcome.err
    with mtstore.open(store) as opened:
        assert {row[0] for row in opened.sql("SELECT ticker FROM cache_index WHERE is_stale").fetchall()} == stale
        assert opened.sql("SELECT count(*) FROM bars").fetchall() == [(780,)]


@pytest.mark.parametrize("verb", [("cache", "invalidate"), ("compact",)])
def test_unknown_ticker_is_an_error(mtstore_cli, store, verb):
    refused = mtstore_cli(*verb, store, "--tickers", "AAAA")
    assert refused.code == 2
    assert "did you mean 'AAA'?" in refused.err


def test_invalidate_wants_to_know_what(mtstore_cli, store):
    refused = mtstore_cli("cache", "invalidate", store)
    assert refused.code != 0
    assert "--all" in refused.err
