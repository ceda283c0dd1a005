"""The flat files that the synthetic market writes, read back by pandas."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from mtstore.errors import InputError
from mtstore.synthetic import SyntheticMarket, write_flat_files

HEADER = "ticker,volume,open,close,high,low,window_start,transactions"


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"ticker": str}, keep_default_na=False)


def test_minute_files_hold_exactly_the_markets_bars(tmp_path: Path) -> None:
    market = SyntheticMarket(["TRUE", "NA", "AAA"], seed=3)
    paths = write_flat_files(market, tmp_path, "2024-06-27", "2024-07-05")
    days = ["2024-06-27", "2024-06-28", "2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05"]
    assert [str(path.relative_to(tmp_path)) for path in paths] == [
        f"us_stocks_sip/minute_aggs_v1/{day[:4]}/{day[5:7]}/{day}.csv.gz" for day in days
    ]
    for path, day in zip(paths, days, strict=True):
        with gzip.open(path, "rt") as text:
            assert text.readline() == HEADER + "\n"
        rows = read(path)
        assert list(rows.ticker.unique()) == ["AAA", "NA", "TRUE"]
        for ticker, part in rows.groupby("ticker"):
            bars = market.bars(str(ticker), day, day).to_pandas()
            assert list(part.window_start) == [moment.value for moment in bars.ts_event]
            for name in ("open", "high", "low", "close", "volume", "transactions"):
                assert part[name].tolist() == bars[name].tolist(), name


def test_daily_files_hold_new_york_days(tmp_path: Path) -> None:
    market = SyntheticMarket(2, seed=3)
    paths = write_flat_files(market, tmp_path, "2024-07-03", "2024-07-05", kinds=["day_aggs_v1"])
    assert [path.name for path in paths] == ["2024-07-03.csv.gz", "2024-07-05.csv.gz"]
    rows = pd.concat(map(read, paths))
    starts = pd.to_datetime(rows.window_start.unique(), utc=True).tz_convert("America/New_York")
    assert [str(start) for start in starts] == ["2024-07-03 00:00:00-04:00", "2024-07-05 00:00:00-04:00"]
    bars = market.bars("AAB", "2024-07-03", "2024-07-05", "ohlcv-1d").to_pandas()
    assert rows[rows.ticker == "AAB"].close.tolist() == bars.close.tolist()


def test_fractional_volumes_are_written_as_they_are(tmp_path: Path) -> None:
    market = SyntheticMarket(["AAA"], seed=3, fractional_volume=True)
    (path,) = write_flat_files(market, tmp_path, "2024-07-03", "2024-07-03")
    assert read(path).volume.tolist() == market.bars("AAA", "2024-07-03", "2024-07-03")["volume"].to_pylist()


def test_the_same_market_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_flat_files(SyntheticMarket(2, seed=3), tmp_path / name, "2024-07-03", "2024-07-03")
    one, two = (next((tmp_path / name).rglob("*.csv.gz")).read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_market_of_more_tickers_than_one_batch_is_written_in_order(tmp_path: Path) -> None:
    market = SyntheticMarket(205, seed=3, extended_hours=False)
    (path,) = write_flat_files(market, tmp_path, "2024-07-03", "2024-07-03")
    rows = read(path)
    assert list(rows.ticker.unique()) == sorted(market.tickers)
    assert rows.set_index(["ticker", "window_start"]).index.is_monotonic_increasing


def test_nothing_but_the_files_is_left_behind(tmp_path: Path) -> None:
    write_flat_files(SyntheticMarket(1), tmp_path, "2024-07-01", "2024-07-05")
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".gz"}


def test_unknown_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="minute_aggs_v1"):
        write_flat_files(SyntheticMarket(1), tmp_path, "2024-07-01", "2024-07-05", kinds=["minute"])
