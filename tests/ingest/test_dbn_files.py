"""Databento files into a store: what they cover, several publishers, several contracts, broken ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import databento
import numpy as np
import pandas as pd
import pytest

from mtstore import Store
from mtstore.ingest.files.dbn_input import DbnInput
from mtstore.storage.files.data_file import read_footer
from mtstore.synthetic import DbnOptions, Faults, SyntheticMarket, write_dbn
from tests.kits.stores import core_tables

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "dbn_samples"
FIRST, LAST = "2024-03-04", "2024-03-05"


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(["AAA", "BBB", "CCC"], seed=11, faults=Faults.none())


def assert_stored(store: Store, market: SyntheticMarket, ticker: str, *, schema: str = "ohlcv-1m") -> None:
    """The store's bars of a ticker are the market's, days of UTC."""
    expected = market.bars(ticker, FIRST, LAST, schema, day_tz="UTC").to_pandas()
    found = store.sql(
        "SELECT ts_event, open, high, low, close, volume FROM bars WHERE ticker = ? ORDER BY ts_event", [ticker]
    ).to_pandas()
    pd.testing.assert_frame_equal(found, expected[list(found)], check_dtype=False, rtol=1e-12)


@pytest.mark.parametrize("schema", ["ohlcv-1m", "ohlcv-1h", "ohlcv-1d"])
@pytest.mark.parametrize("name", ["x.dbn", "x.dbn.zst"])
def test_the_bars_of_a_file_are_stored(
    store: Store, market: SyntheticMarket, tmp_path: Path, schema: str, name: str
) -> None:
    write_dbn(market, tmp_path / name, FIRST, LAST, schema)
    assert store.ingest(tmp_path).is_complete
    for ticker in market.tickers:
        assert_stored(store, market, ticker, schema=schema)
    assert store.sql("SELECT source, provider, dataset FROM core.sources").fetchall() == [
        ("databento-xnas.itch", "databento", "XNAS.ITCH")
    ]


def test_a_file_covers_its_range_for_every_symbol_with_or_without_bars(
    store: Store, market: SyntheticMarket, tmp_path: Path
) -> None:
    night = ("2024-03-04T06:00Z", "2024-03-04T07:00Z")
    write_dbn(market, tmp_path / "night.dbn", *night)
    write_dbn(market, tmp_path / "day.dbn", FIRST, LAST, tickers=["AAA"])
    store.ingest(tmp_path / "day.dbn")
    store.ingest(tmp_path / "night.dbn")
    rows = store.sql(
        "SELECT tickers, result, len(ranges) FROM core.coverage_ledger ORDER BY generation, tickers"
    ).fetchall()
    assert rows == [(["AAA"], "complete", 1), (["AAA", "BBB", "CCC"], "empty", 1)]


def test_named_symbols_only_are_taken(store: Store, market: SyntheticMarket, tmp_path: Path) -> None:
    write_dbn(market, tmp_path / "x.dbn", FIRST, LAST)
    store.ingest(tmp_path / "x.dbn", tickers=["BBB", "NOBODY"])
    assert store.tickers() == ["BBB"]
    assert store.sql("SELECT tickers FROM core.coverage_ledger").fetchall() == [(["BBB"],)]


def test_several_publishers_of_one_bar_become_one_bar(store: Store, market: SyntheticMarket, tmp_path: Path) -> None:
    write_dbn(market, tmp_path / "x.dbn", FIRST, LAST, options=DbnOptions(publishers=(2, 39, 40)))
    report = store.ingest(tmp_path / "x.dbn")
    assert report.quarantined_rows == 0
    for ticker in market.tickers:
        assert_stored(store, market, ticker)
    (path,) = store.sql("SELECT path FROM core.files WHERE ticker = 'AAA'").fetchall()[0]
    assert read_footer(store.path, path)[1].request["publishers"] == [2, 39, 40]


def test_an_id_that_moves_to_another_symbol_takes_no_bars_with_it(
    store: Store, market: SyntheticMarket, tmp_path: Path
) -> None:
    write_dbn(market, tmp_path / "x.dbn", FIRST, LAST, options=DbnOptions(ids_move_on=date(2024, 3, 5)))
    assert store.ingest(tmp_path / "x.dbn").is_complete
    for ticker in market.tickers:
        assert_stored(store, market, ticker)


def test_undefined_prices_are_stored_as_no_values(store: Store, market: SyntheticMarket, tmp_path: Path) -> None:
    write_dbn(market, tmp_path / "x.dbn", FIRST, LAST, options=DbnOptions(undefined_every=7))
    assert store.ingest(tmp_path / "x.dbn").is_complete
    total, missing = store.sql("SELECT count(*), count(*) FILTER (close IS NULL) FROM bars").fetchall()[0]
    assert missing == total // 7
    before = core_tables(store)["core.files"]
    copy = write_dbn(market, tmp_path / "y.dbn.zst", FIRST, LAST, options=DbnOptions(undefined_every=7))
    store.ingest(copy)
    assert core_tables(store)["core.files"] == before, "the same rows again write no file"


@pytest.mark.sampled(3)
@pytest.mark.parametrize("cut", [1, 55, 56 * 3, 5_000])
@pytest.mark.parametrize("name", ["x.dbn", "x.dbn.zst"])
def test_a_file_cut_anywhere_is_refused_and_the_others_go_in(
    store: Store, market: SyntheticMarket, tmp_path: Path, name: str, cut: int
) -> None:
    path = write_dbn(market, tmp_path / name, FIRST, LAST)
    if cut == 56 * 3 and name == "x.dbn":
        pytest.skip("an uncompressed DBN file cut between two records looks complete")
    path.write_bytes(path.read_bytes()[:-cut])
    other = write_dbn(market, tmp_path / "good.dbn", "2024-03-06", "2024-03-06", tickers=["CCC"])
    report = store.ingest([path, other])
    assert [outcome.path for outcome in report.rejected] == [str(path)]
    assert store.tickers() == ["CCC"]


def test_another_dataset_does_not_go_into_a_source(store: Store, market: SyntheticMarket, tmp_path: Path) -> None:
    first = write_dbn(market, tmp_path / "a.dbn", FIRST, FIRST)
    second = write_dbn(market, tmp_path / "b.dbn", LAST, LAST, options=DbnOptions(dataset="DBEQ.BASIC"))
    report = store.ingest([first, second], source="databento")
    assert [outcome.status for outcome in report.files if outcome.path == str(first)] == ["ingested"]
    assert "DBEQ.BASIC" in str(report.rejected[0].error)


def test_prices_below_zero_are_legal_for_futures_only(store: Store, tmp_path: Path) -> None:
    market = SyntheticMarket(["CLM0"], seed=1, faults=Faults.none())
    for dataset, may_be_negative in (("GLBX.MDP3", True), ("XNAS.ITCH", False), ("DBEQ.BASIC", False)):
        path = write_dbn(market, tmp_path / f"{dataset}.dbn", FIRST, FIRST, options=DbnOptions(dataset=dataset))
        assert DbnInput.open(path, "", None, None).allows_negative_prices is may_be_negative


@pytest.mark.parametrize(
    "path",
    sorted(path for path in SAMPLES.glob("**/*ohlcv-1*.dbn*") if "frag" not in path.name)
    or [pytest.param(None, marks=pytest.mark.skip(reason=f"the vendor's samples are not at {SAMPLES}"))],
    ids=lambda path: getattr(path, "name", "none"),
)
def test_the_vendors_samples_are_stored_as_the_vendors_client_reads_them(store: Store, path: Path) -> None:
    report = store.ingest(path)
    reader = databento.DBNStore.from_file(path)
    frame = reader.to_df().reset_index()
    reader.reader.close()
    if report.rejected:
        assert "schema" in str(report.rejected[0].error)
        return
    by_bar = frame.sort_values("volume").groupby(["symbol", "ts_event"])
    expected = by_bar.agg(high=("high", "max"), low=("low", "min"), volume=("volume", "sum"), close=("close", "last"))
    found = store.sql(
        "SELECT ticker, ts_event, high, low, volume, close FROM bars ORDER BY ticker, ts_event"
    ).to_pandas()
    assert len(found) + report.quarantined_rows == len(expected)
    assert report.quarantined_rows == 0
    for name in ("high", "low", "volume", "close"):
        np.testing.assert_allclose(found[name], expected[name].sort_index(), rtol=1e-12)
