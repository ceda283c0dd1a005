from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import pandas as pd
import pytest

from mtstore import MetadataManager, MultiTickerDataLoader
from mtstore.errors import InputError
from mtstore.ingest.legacy.migrate import migrate

NEW_YORK = "America/New_York"


@pytest.fixture
def old(tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    return folder


def bars(*starts, count=390, step="1min", tz=NEW_YORK, first=100.0):
    parts = [pd.date_range(start, periods=count, freq=step, tz=tz) for start in starts]
    index = parts[0].append(parts[1:]).rename("timestamp")
    price = np.arange(first, first + len(index))
    values = {"open": price, "high": price + 1, "low": price - 1, "close": price, "volume": 10.0}
    return pd.DataFrame(values, index=index)


def put(frame, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.to_parquet(path, **options)
    else:
        frame.to_csv(path, **options)
    return path


def digests(folder):
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    return {one: (hashlib.sha256(one.read_bytes()).hexdigest(), one.stat().st_mtime_ns) for one in files}


def stored(store, ticker):
    sql = "SELECT ts_event, open, volume FROM bars WHERE ticker = ? ORDER BY ts_event"
    return store.sql(sql, [ticker]).to_pandas()


def test_ranges_with_their_metadata(store, old):
    put(bars("2023-01-03 09:30", "2023-01-04 09:30"), old / "AAPL" / "2023-01-01_2023-01-04.parquet")
    put(bars("2023-01-05 09:30", count=5), old / "AAPL" / "2023-01-05_2023-01-06.parquet")
    put(bars("2023-01-03 09:30"), old / "BRK.B" / "2023-01-01_2023-01-04.parquet")
    (old / "metadata.json").write_text(json.dumps({"AAPL": {"sector": "Tech"}, "version": 1}), encoding="utf-8")
    (old / "cache_index.json").write_text("{}", encoding="utf-8")
    before = digests(old)
    report = migrate(store.repository, old)
    assert report.is_complete
    assert [(one.ticker, one.schema, one.files, one.rows_expected, one.rows_stored) for one in report.tickers] == [
        ("AAPL", "ohlcv-1m", 2, 785, 785),
        ("BRK.B", "ohlcv-1m", 1, 390, 390),
    ]
    assert report.unknown == []
    assert MetadataManager(store)["AAPL"] == {"sector": "Tech"}
    assert digests(old) == before
    config = {"store": str(store.path), "tickers": ["AAPL"], "validation": {"enabled": False}}
    with MultiTickerDataLoader(config) as loader:
        assert len(loader.load_data("2023-01-01", "2023-01-06")) == 785


def test_a_second_run_changes_nothing(store, old):
    put(bars("2023-01-03 09:30"), old / "AAPL" / "2023-01-01_2023-01-04.parquet")
    (old / "AAPL" / "metadata.json").write_text('{"sector": "Tech"}', encoding="utf-8")
    migrate(store.repository, old)
    snapshot = store.repository.layout.newest_snapshot()
    again = migrate(store.repository, old)
    assert again.is_complete
    assert again.ingest is not None
    assert [outcome.status for outcome in again.ingest.files] == ["unchanged"]
    assert again.tickers[0].rows_stored == 390
    assert store.repository.layout.newest_snapshot() == snapshot
    assert MetadataManager(store)["AAPL"] == {"sector": "Tech"}


def test_a_dry_run_says_what_would_be_done(old):
    put(bars("2023-01-03 09:30"), old / "AAPL" / "2023-01-01_2023-01-04.parquet")
    report = migrate(None, old)
    assert [(one.ticker, one.schema, one.rows_in_files, one.rows_expected) for one in report.tickers] == [
        ("AAPL", "ohlcv-1m", 390, 390)
    ]
    assert report.ingest is None


def test_hive_partitions_by_day(store, old):
    for day in ("2023-01-03", "2023-01-04"):
        year, month, number = day.split("-")
        folder = old / "symbol=X%3ABTCUSD" / f"year={year}" / f"month={month}" / f"day={number}"
        put(bars(f"{day} 00:00", count=1440, tz="UTC"), folder / "data.parquet")
    report = migrate(store.repository, old, tz="UTC")
    assert report.is_complete
    assert [(one.ticker, one.layout, one.rows_stored) for one in report.tickers] == [("X:BTCUSD", "hive", 2880)]


def test_names_that_say_range_and_interval(store, old):
    put(bars("2024-01-03 09:30").tz_localize(None), old / "SPY_20240101_20240701_ohlcv_1min.parquet")
    put(bars("2024-01-03 09:30", count=78, step="5min"), old / "QQQ_20240101_20240701_ohlcv_5min.csv")
    report = migrate(store.repository, old)
    assert report.is_complete
    assert {one.ticker: (one.schema, one.rows_stored) for one in report.tickers} == {
        "QQQ": ("ohlcv-5m", 78),
        "SPY": ("ohlcv-1m", 390),
    }
    assert stored(store, "SPY")["ts_event"].iloc[0] == pd.Timestamp("2024-01-03 14:30", tz="UTC")


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "style",
    ["index", "unnamed", "seconds", "milliseconds", "nanoseconds", "upper", "gz", "semicolon", "polygon"],
)
def test_a_folder_of_files_by_ticker_in_any_spelling(store, old, style):
    frame = bars("2024-01-03 09:30", count=30)
    seconds = frame.index.tz_convert("UTC").as_unit("ns").asi8 // 10**9
    path = old / ("AAPL.csv.gz" if style == "gz" else "AAPL.csv")
    if style == "unnamed":
        put(frame.rename_axis(None).tz_localize(None), path)
    elif style in {"seconds", "milliseconds", "nanoseconds"}:
        scale = {"seconds": 1, "milliseconds": 10**3, "nanoseconds": 10**9}[style]
        put(frame.reset_index(drop=True).assign(timestamp=seconds * scale), path, index=False)
    elif style == "upper":
        put(frame.rename_axis("Date").rename(columns=str.title).tz_localize(None), path)
    elif style == "semicolon":
        put(frame, path, sep=";")
    elif style == "polygon":
        names = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
        put(frame.reset_index(drop=True).rename(columns=names).assign(t=seconds * 1000, n=3), path, index=False)
    else:
        put(frame, path)
    report = migrate(store.repository, old)
    assert report.rejected == []
    assert report.is_complete
    given = stored(store, "AAPL")
    assert list(given["ts_event"]) == list(frame.index.tz_convert("UTC"))
    assert given["open"].tolist() == frame["open"].tolist()


def test_days_stay_days_whatever_zone_their_midnight_has(store, old):
    days = pd.bdate_range("2024-01-16", periods=20)  # without a holiday: its bar would be of the next session
    values = bars("2024-01-16", count=20).reset_index(drop=True)
    put(values.assign(date=days.strftime("%Y-%m-%d")), old / "A.csv", index=False)
    put(values.set_index(days.tz_localize("UTC").rename("timestamp")), old / "B.parquet")
    report = migrate(store.repository, old)
    assert [(one.ticker, one.schema, one.is_verified) for one in report.tickers] == [
        ("A", "ohlcv-1d", True),
        ("B", "ohlcv-1d", True),
    ]
    sql = "SELECT ticker, session_date FROM resampled(NULL, INTERVAL 1 DAY, tz := 'UTC') ORDER BY ALL"
    found = store.sql(sql).to_pandas()
    for ticker in ("A", "B"):
        assert list(found.loc[found["ticker"] == ticker, "session_date"]) == [day.date() for day in days]


def test_of_two_files_about_one_range_the_later_one_holds(store, old):
    later = put(bars("2024-01-03 09:30", count=5, first=500.0), old / "A" / "2024-01-03_2024-01-03.parquet")
    earlier = put(bars("2024-01-03 09:30"), old / "A" / "2024-01-02_2024-01-04.parquet")
    os.utime(earlier, (1_700_000_000, 1_700_000_000))
    os.utime(later, (1_700_000_100, 1_700_000_100))
    report = migrate(store.repository, old)
    assert report.is_complete
    assert (report.tickers[0].rows_in_files, report.tickers[0].rows_expected) == (395, 5)
    assert stored(store, "A")["open"].tolist() == [500.0, 501.0, 502.0, 503.0, 504.0]


def test_rows_that_no_market_can_have_made_are_counted(store, old):
    frame = bars("2024-01-03 09:30", count=20)
    frame.loc[frame.index[3], "high"] = 1.0
    put(frame, old / "A.parquet")
    report = migrate(store.repository, old)
    assert report.is_complete
    assert [(one.rows_expected, one.rows_stored, one.rows_quarantined) for one in report.tickers] == [(20, 19, 1)]


def test_what_cannot_be_read_is_refused_and_the_rest_goes_in(store, old):
    put(bars("2024-01-03 09:30", count=20), old / "GOOD.parquet")
    (old / "CUT.parquet").write_bytes(b"PAR1 and no more")
    (old / "EMPTY.csv").write_bytes(b"")
    put(bars("2024-01-03 09:30", count=20).drop(columns="close"), old / "NOCLOSE.csv")
    (old / "notes.txt").write_text("hello", encoding="utf-8")
    report = migrate(store.repository, old)
    assert not report.is_complete
    assert [one.ticker for one in report.tickers if one.is_verified] == ["GOOD"]
    assert {os.path.basename(outcome.path) for outcome in report.rejected} == {
        "CUT.parquet", "EMPTY.csv", "NOCLOSE.csv",
    }  # fmt: skip
    assert [os.path.basename(path) for path in report.unknown] == ["notes.txt"]


def test_names_that_say_what_cannot_be_are_errors(store, old, tmp_path):
    with pytest.raises(InputError, match="there is no such file or folder"):
        migrate(store.repository, tmp_path / "nowhere")
    put(bars("2024-01-03 09:30", count=2), old / "A" / "2024-02-30_2024-03-01.parquet")
    with pytest.raises(InputError, match="the file name has a date that does not exist"):
        migrate(store.repository, old)


def test_dry_run_of_migrate_reports_and_changes_nothing(tmp_path, old, capsys):
    from mtstore.cli.main import run

    put(bars("2023-01-03 09:30"), old / "AAPL" / "2023-01-01_2023-01-04.parquet")
    path = tmp_path / "new"
    assert run(["migrate", str(path), str(old), "--dry-run"]) == 0
    assert not path.exists()
    assert "dry run: 1 file would be ingested" in capsys.readouterr().err
    assert run(["migrate", str(path), str(old), "--create", "--quiet", "--format", "csv"]) == 0
    told = capsys.readouterr()
    assert "AAPL,ohlcv-1m,ranges,1,390,390,390,0,true" in told.out.replace('"', "")
    assert "1 file migrated, 0 unchanged" in told.err
    assert run(["migrate", str(path), str(old), "--quiet"]) == 0
    assert "0 files migrated, 1 unchanged" in capsys.readouterr().err
