"""Databento files into a store: what they cover, several publishers, several contracts, broken ones."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import databento
import numpy as np
import pandas as pd
import pytest

from mtstore import Store
from mtstore.ingest.files.inputs.dbn_input import DbnInput
from mtstore.storage.files.data_file import read_footer
from mtstore.synthetic import DbnOptions, Faults, SyntheticMarket, write_dbn
from tests.sources.test_dbn import DAY_NS, START_NS, bar, mapped, write

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


def test_undefined_prices_are_quarantined(store: Store, market: SyntheticMarket, tmp_path: Path) -> None:
    write_dbn(market, tmp_path / "whole.dbn", FIRST, LAST)
    write_dbn(market, tmp_path / "x.dbn", FIRST, LAST, options=DbnOptions(undefined_every=7))
    total = store.ingest(tmp_path / "whole.dbn", source="whole").rows
    report = store.ingest(tmp_path / "x.dbn")
    assert report.quarantined_rows == total // 7
    assert report.rows == total - total // 7
    assert store.sql("SELECT DISTINCT reason FROM quarantine").fetchall() == [("open is missing",)]
    assert store.sql("SELECT count(*) FROM bars WHERE close IS NULL").fetchall() == [(0,)]
    assert ("partial",) in store.sql("SELECT result FROM coverage WHERE source <> 'whole'").fetchall()


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


BOTH = [mapped(symbol, ("2024-03-18", "2024-03-19", number)) for symbol, number in (("AAA", "1"), ("BBB", "2"))]


@pytest.mark.parametrize("publishers", [(2, 2, 2), (2, 3, 2)])
def test_a_limit_cuts_the_range_and_is_named(store: Store, tmp_path: Path, publishers: tuple[int, ...]) -> None:
    places = zip([(0, 1), (0, 2), (1, 1)], publishers, strict=True)
    rows = [bar(minute, number, publisher_id=venue) for (minute, number), venue in places]
    path = write(tmp_path / "x.dbn", rows, BOTH, end=START_NS + DAY_NS, limit=3)
    report = store.ingest(path)
    reasons = [reason for (reason,) in store.sql("SELECT reason FROM quarantine").fetchall()]
    if len(set(publishers)) == 1:
        assert (report.rows, reasons) == (3, [])
    else:
        assert report.rows == 2
        assert "limit of 3 records" in reasons[0]
        assert "00:01:00" in reasons[0]
    ends = store.sql("SELECT DISTINCT strftime(end_ts, '%H:%M') FROM coverage").fetchall()
    assert ends == [("00:01",)]


def test_symbols_come_from_the_file_beside_the_data(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.dbn", [bar(0, 11)], [], end=START_NS + DAY_NS)
    (rejected,) = store.ingest(path).rejected
    assert "symbology.json" in str(rejected.error)
    day = str(date(2024, 3, 18))
    content = {
        "result": {"ESH4": [{"d0": day, "d1": str(date(2024, 3, 19)), "s": "11"}]},
        "stype_in": "raw_symbol",
        "stype_out": "instrument_id",
    }
    (tmp_path / "symbology.json").write_text(json.dumps(content))
    assert store.ingest(path).is_complete
    assert store.sql("SELECT ticker, close, volume FROM bars").fetchall() == [("ESH4", 11.0, 100.0)]
    (tmp_path / "symbology.json").write_text("[]")
    (rejected,) = store.ingest(path, source="other").rejected
    assert "not the symbology" in str(rejected.error)


def test_currency_futures_are_in_session_on_a_us_holiday(store: Store, tmp_path: Path) -> None:
    holiday = 70  # days after START_NS: 2024-05-27, when equity index futures close at 12:00 in Chicago, 17:00 UTC
    start = START_NS + holiday * DAY_NS
    for ticker in ("6EM4", "ESM4"):
        records = [bar(holiday * 1_440 + 17 * 60 + minute, 7) for minute in range(240)]
        symbols = (mapped(ticker, ("2024-05-27", "2024-05-29", "7")),)
        options = {"dataset": "GLBX.MDP3", "start": start, "end": start + 2 * DAY_NS}
        store.ingest(write(tmp_path / f"{ticker}.dbn", records, symbols, **options))
    query = "SELECT ticker, count(*) FILTER (in_session) FROM bars_local GROUP BY ALL ORDER BY ALL"
    assert store.sql(query).fetchall() == [("6EM4", 240), ("ESM4", 0)]
    [day] = store.resample("6EM4", "1d", "2024-05-27", "2024-05-27").to_arrow().to_pylist()
    assert day["bar_count"] == 240
