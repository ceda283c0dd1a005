"""A loader fetches what its range lacks, and only that: the exact requests of each load, and what the frame holds."""

from __future__ import annotations

import asyncio
import warnings
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

import mtstore
from mtstore.errors import CostLimitError, SourceError, SourceRequestError
from mtstore.loader.load.fetch_missing import FetchWarning
from tests.kits.time_limit import time_limit
from tests.servers import faults
from tests.servers.configs import config_for
from tests.servers.databento import KEY as DATABENTO_KEY
from tests.servers.databento import DatabentoServer, bars
from tests.servers.polygon import KEY, PolygonServer, minutes
from tests.servers.tls import has_openssl, make_certificates
from tests.servers.words import us

TICKERS = tuple(f"T{number}" for number in range(10))
WEEK = ("2024-03-04", "2024-03-08")
STALE = {"ttl_days": 0, "settle_days": None}
pytestmark = pytest.mark.filterwarnings("ignore::mtstore.loader.validation.outcome.DataQualityWarning")


@pytest.fixture
def vendor(monkeypatch):
    """Ten tickers with 30 bars on every weekday of March 2024, from the open on."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    days = [date(2024, 3, 1) + timedelta(days=n) for n in range(31)]
    rows = [row for day in days if day.weekday() < 5 for row in minutes(day.isoformat(), 30)]
    with PolygonServer() as server:
        for ticker in TICKERS:
            server.companies[ticker].minutes = [dict(row) for row in rows]
        yield server


@pytest.fixture
def loader_of(vendor, tmp_path):
    opened = []

    def make(tickers=("T0",), **sections):
        cache = {**sections.pop("cache", {})}
        config = config_for(vendor, tickers, store=str(tmp_path / "store"), cache=cache, **sections)
        loader = mtstore.MultiTickerDataLoader(config)
        opened.append(loader)
        return loader

    yield make
    for loader in opened:
        loader.close()


def asked(server):
    """Ticker and range of each request for bars."""
    return sorted(
        (parts[4], int(parts[-2]) * 1000, (int(parts[-1]) + 1) * 1000)
        for parts in (request.path.split("/") for request in server.requests)
        if parts[1] == "v2"
    )


def ny(text):
    return us(f"{text}T05:00" if text < "2024-03-10" else f"{text}T04:00")


def is_of(ticker):
    return lambda request: f"/ticker/{ticker}/" in request.path


def test_first_load_makes_the_store_and_asks_once_a_ticker(loader_of, vendor, tmp_path):
    assert not (tmp_path / "store").exists()
    loader = loader_of(TICKERS)
    frame = loader.load_data(*WEEK)
    assert asked(vendor) == [(ticker, ny("2024-03-04"), ny("2024-03-09")) for ticker in TICKERS]
    assert frame.shape == (150, 50)
    assert not frame.isna().any().any()
    entry = loader.report["T3"]
    assert (entry.rows, entry.error, entry.is_stale, entry.cached) == (150, None, False, ())
    assert [(one.start_us, one.end_us) for one in entry.fetched] == [(ny("2024-03-04"), ny("2024-03-09"))]
    assert entry.requests == 4  # bars, splits, dividends, details
    assert entry.seconds > 0


def test_repeated_load_asks_nothing_even_in_another_loader_without_a_key(loader_of, vendor, monkeypatch):
    first = loader_of().load_data(*WEEK)
    vendor.forget()
    monkeypatch.delenv("POLYGON_API_KEY")
    again = loader_of()
    assert again.load_data(*WEEK).equals(first)
    assert vendor.requests == []
    assert [(one.start_us, one.end_us) for one in again.report["T0"].cached] == [(ny("2024-03-04"), ny("2024-03-09"))]


def test_extension_asks_for_what_is_new_on_either_side(loader_of, vendor):
    loader = loader_of()
    loader.load_data("2024-03-11", "2024-03-15")
    vendor.forget()
    frame = loader.load_data("2024-03-07", "2024-03-19")
    assert asked(vendor) == [
        ("T0", ny("2024-03-07"), ny("2024-03-11")),
        ("T0", ny("2024-03-16"), ny("2024-03-20")),
    ]
    assert len(vendor.requests) == 2
    assert len(frame) == 9 * 30


def test_loader_fetches_only_the_hole_in_the_middle(loader_of, vendor):
    loader = loader_of()
    loader.load_data("2024-03-04", "2024-03-05")
    loader.load_data("2024-03-12", "2024-03-14")
    vendor.forget()
    assert len(loader.load_data("2024-03-04", "2024-03-14")) == 9 * 30
    assert asked(vendor) == [("T0", ny("2024-03-06"), ny("2024-03-12"))]


def test_expired_range_is_fetched_again_with_its_correction(loader_of, vendor):
    loader = loader_of(cache=STALE)
    loader.load_data("2024-03-04", "2024-03-04")
    vendor.companies["T0"].minutes[30]["v"] = 77.0
    vendor.forget()
    assert asked(vendor) == []
    again = loader.load_data("2024-03-04", "2024-03-04")
    assert asked(vendor) == [("T0", ny("2024-03-04"), ny("2024-03-05"))]
    assert 77.0 in again["T0_volume"].to_numpy()


def test_changed_configuration_asks_another_source(loader_of, vendor):
    loader_of().load_data("2024-03-04", "2024-03-04")
    vendor.forget()
    other = loader_of({"T0": {"data_source": "second"}}, sources={"polygon": {}, "second": {}})
    assert len(other.load_data("2024-03-04", "2024-03-04")) == 30
    assert asked(vendor) == [("T0", ny("2024-03-04"), ny("2024-03-05"))]


@pytest.mark.parametrize("on_missing", ["warn", "raise"])
def test_ticker_without_data_is_reported(loader_of, vendor, on_missing):
    loader = loader_of(("T0", "ZZZQ"), on_missing=on_missing)
    for _ in range(2):  # the second time the store knows the answer
        with pytest.warns(FetchWarning, match="no source has bars of ZZZQ: the columns are empty"):
            frame = loader.load_data(*WEEK)
        assert frame["ZZZQ_close"].isna().all()
        assert not frame["T0_close"].isna().any()


def test_rejected_rows_are_reported(loader_of, vendor):
    vendor.companies["T0"].minutes[33]["l"] = 1e6
    with pytest.warns(FetchWarning, match="rows were rejected: 1 of T0; the view quarantine has the reasons"):
        loader_of().load_data("2024-03-04", "2024-03-04")


def test_failed_ticker_keeps_its_columns_and_is_reported(loader_of, vendor):
    vendor.plan(faults.polygon_error(400, "no such thing"), times=99, when=is_of("T4"))
    loader = loader_of(TICKERS)
    with pytest.warns(FetchWarning, match="T4 could not be fetched, and only stored bars are read: .*no such thing"):
        frame = loader.load_data(*WEEK)
    assert list(frame.columns[20:25]) == ["T4_open", "T4_high", "T4_low", "T4_close", "T4_volume"]
    assert frame.iloc[:, 20:25].isna().all().all()
    assert not frame.drop(columns=frame.columns[20:25]).isna().any().any()
    assert "no such thing" in loader.report["T4"].error
    assert [entry.ticker for entry in loader.report if entry.error] == ["T4"]
    assert "incomplete: T4" in str(loader.report)
    vendor._planned.clear()
    vendor.forget()
    assert not loader.load_data(*WEEK).isna().any().any()
    assert asked(vendor) == [("T4", ny("2024-03-04"), ny("2024-03-09"))]


def test_bad_ticker_raises_where_that_is_wanted(loader_of, vendor):
    vendor.plan(faults.polygon_error(400, "no such thing"), times=99, when=is_of("T1"))
    with pytest.raises(SourceRequestError, match="no such thing"):
        loader_of(("T0", "T1"), on_error="raise").load_data(*WEEK)


def test_every_ticker_bad_gives_columns_without_rows(loader_of, vendor):
    vendor.plan(faults.polygon_error(400, "no such thing"), times=99)
    with pytest.warns(FetchWarning, match="T0 could not"):
        frame = loader_of().load_data(*WEEK)
    assert frame.shape == (0, 5)


def test_stale_bars_are_served_with_a_flag_while_the_vendor_refuses(loader_of, vendor):
    loader = loader_of(cache=STALE)
    first = loader.load_data(*WEEK)
    vendor.plan(faults.polygon_error(400, "out of order"), times=99)
    with pytest.warns(FetchWarning, match="T0 could not be fetched again, and is older than the cache allows"):
        again = loader.load_data(*WEEK)
    assert again.equals(first)
    assert loader.report["T0"].is_stale


def test_stale_bars_are_refused_where_they_may_not_be_served(loader_of, vendor):
    loader = loader_of(cache={**STALE, "serve_stale": False})
    loader.load_data(*WEEK)
    vendor.plan(faults.polygon_error(400, "out of order"), times=99)
    with pytest.raises(SourceError, match=r"stored data of T0 are older than the cache allows.*out of order"):
        loader.load_data(*WEEK)


def test_cache_that_is_off_keeps_nothing(loader_of, vendor, tmp_path):
    loader = loader_of(cache={"enabled": False})
    place = Path(loader.store.path)
    assert len(loader.load_data(*WEEK)) == 150
    vendor.forget()
    assert len(loader.load_data(*WEEK)) == 150
    assert asked(vendor) == [("T0", ny("2024-03-04"), ny("2024-03-09"))]
    assert len(loader.get_ticker_data("T0")) == 150
    loader.close()
    assert not place.exists()
    assert not (tmp_path / "store").exists()


def test_range_that_reaches_now_is_loaded_as_far_as_bars_are_final(loader_of, vendor):
    today = date.today()  # noqa: DTZ011 - the store's clock is the machine's
    loader = loader_of()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loader.load_data((today - timedelta(days=5)).isoformat(), (today + timedelta(days=1)).isoformat())


def test_range_without_a_start_asks_nothing(loader_of, vendor):
    loader = loader_of()
    loader.load_data(*WEEK)
    vendor.forget()
    assert len(loader.load_data()) == 150
    assert vendor.requests == []


def test_ticker_alone_chunks_and_prefetch_fetch_too(loader_of, vendor):
    loader = loader_of(("T0", "T1"))
    assert len(loader.get_ticker_data("T0", "2024-03-04", "2024-03-04")) == 30
    assert asked(vendor) == [("T0", ny("2024-03-04"), ny("2024-03-05"))]
    vendor.forget()
    assert loader.prefetch("2024-03-05", "2024-03-05") > 0
    assert [name for name, *_ in asked(vendor)] == ["T0", "T1"]
    vendor.forget()
    with loader.iter_data(*WEEK, "1D") as chunks:
        assert sum(map(len, chunks)) == 150
    assert asked(vendor) == [
        ("T0", ny("2024-03-06"), ny("2024-03-09")),
        ("T1", ny("2024-03-04"), ny("2024-03-05")),
        ("T1", ny("2024-03-06"), ny("2024-03-09")),
    ]


def test_async_load_fetches_and_ends_when_it_is_cancelled(loader_of, vendor):
    loader = loader_of(("T0", "T1"))

    async def load():
        assert len(await loader.load_data_async("2024-03-04", "2024-03-04")) == 30
        vendor.plan(faults.hang(), times=9)
        task = asyncio.create_task(loader.load_data_async(*WEEK))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asyncio.shield(task), time_limit(2))

    asyncio.run(load())


def test_paid_bars_need_a_word_and_are_bought_once(tmp_path, tmp_path_factory, monkeypatch):
    if not has_openssl():
        pytest.skip("the openssl command is not installed: no test authority for https")
    certificates = make_certificates(tmp_path_factory.mktemp("certificates"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    monkeypatch.setenv("DATABENTO_API_KEY", DATABENTO_KEY)
    with DatabentoServer(certificates) as server:
        server.list_symbol("AAPL").bars["ohlcv-1m"] += bars("2024-03-04T14:30", 30)
        server.dollars_per_record = 0.01
        config = config_for(server, ["AAPL"], provider="databento", store=str(tmp_path / "store"))
        with (
            mtstore.MultiTickerDataLoader(config) as loader,
            pytest.raises(CostLimitError, match=r"costs \$0.30, more than the \$0.00 allowed"),
        ):
            loader.load_data("2024-03-04", "2024-03-04")
        with mtstore.MultiTickerDataLoader(config, confirm_cost=True) as loader:
            assert len(loader.load_data("2024-03-04", "2024-03-04")) == 30
            server.forget()
            assert np.isfinite(loader.load_data("2024-03-04", "2024-03-04")["AAPL_close"]).all()
            assert server.requests == []


def test_frame_of_a_load_is_what_the_store_has(loader_of, vendor):
    loader = loader_of()
    frame = loader.load_data(*WEEK)
    rows = loader.store.sql("SELECT close FROM bars ORDER BY ts_event").fetchall()
    assert frame["T0_close"].tolist() == [row[0] for row in rows]


@pytest.mark.parametrize("kind", ["single", "unified"])
def test_single_loaders_fetch_only_missing_ranges(vendor, tmp_path, kind):
    config = config_for(vendor, ["T0"], store=str(tmp_path / "store"))

    def load(start, end):
        vendor.forget()
        if kind == "single":
            with mtstore.TickerDataLoader("T0", config) as loader:
                return loader.load_data(start, end)
        with mtstore.UnifiedDataLoader(config=config) as loader:
            return loader.load_ohlcv("T0", start, end)

    assert len(load(*WEEK)) == 150
    assert asked(vendor) == [("T0", ny("2024-03-04"), ny("2024-03-09"))]
    assert len(load(*WEEK)) == 150
    assert vendor.requests == []
    assert len(load("2024-03-04", "2024-03-11")) == 180
    assert [ticker for ticker, *_ in asked(vendor)] == ["T0"]


def test_single_loader_without_a_cache_keeps_nothing(vendor, tmp_path):
    config = config_for(vendor, ["T0"], store=str(tmp_path / "store"), cache={"enabled": False})
    with mtstore.TickerDataLoader("T0", config) as loader:
        assert len(loader.load_data(*WEEK)) == 150
        place = loader.store.path
    assert not place.exists()
    assert not (tmp_path / "store").exists()


def test_loaders_of_a_loader_share_its_vendors(loader_of, vendor):
    loader = loader_of(("T0", "T1"))
    assert len(loader.data_loaders["T1"].load_data(*WEEK)) == 150
    vendor.forget()
    loader.load_data(*WEEK)
    assert [ticker for ticker, *_ in asked(vendor)] == ["T0"]
