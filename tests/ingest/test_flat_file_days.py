"""The days of flat files: of shares, crypto, futures and indices, in folders of any name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mtstore import Store
from tests.kits.flat_files import HEADER

FUTURES = "ticker,exchange,session_end_date,window_start,open,high,low,close,volume,dollar_volume,transactions"


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def line(ticker: str, text: str) -> str:
    return f"{ticker},1,5,5,5,5,{ns(text)},1"


def write(path: Path, header: str, *lines: str, mark: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(mark + "\n".join((header, *lines)) + "\n")
    return path


def times(store: Store, ticker: str) -> list[str]:
    found = store.sql("SELECT strftime(ts_event, '%m-%d %H:%M') FROM bars WHERE ticker = $t ORDER BY 1", {"t": ticker})
    return [row[0] for row in found.fetchall()]


def coverage(store: Store, ticker: str) -> list[tuple[str, str, str]]:
    return store.sql(
        "SELECT strftime(start_ts, '%m-%d %H:%M'), strftime(end_ts, '%m-%d %H:%M'), result FROM coverage "
        "WHERE ticker = $t ORDER BY ALL",
        {"t": ticker},
    ).fetchall()


PLAIN = ",".join(HEADER)


def test_crypto_has_days_of_utc_in_a_folder_of_any_name(store: Store, tmp_path: Path) -> None:
    later = [line("X:THIN-USD", "2023-11-04T01:00"), line("X:THIN-USD", "2023-11-04T10:00")]
    store.ingest(write(tmp_path / "global_crypto/2023-11-04.csv", PLAIN, *later))
    assert store.ingest(
        write(tmp_path / "mine/2023-11-03.csv", PLAIN, line("X:THIN-USD", "2023-11-03T10:00"))
    ).is_complete
    assert times(store, "X:THIN-USD") == ["11-03 10:00", "11-04 01:00", "11-04 10:00"]
    assert ("11-03 00:00", "11-04 00:00", "complete") in coverage(store, "X:THIN-USD")
    assert store.sql("FROM revisions").fetchall() == []


def test_a_whole_utc_day_of_crypto_goes_in(store: Store, tmp_path: Path) -> None:
    lines = [line("X:BTC-USD", f"2023-11-03T{hour:02}:00") for hour in range(24)]
    assert store.ingest(write(tmp_path / "mine/2023-11-03.csv", PLAIN, *lines)).is_complete
    assert len(times(store, "X:BTC-USD")) == 24


def test_a_file_of_mixed_tickers_is_divided_by_ticker(store: Store, tmp_path: Path) -> None:
    lines = [line("AAPL", "2023-11-04T03:59"), line("C:EURUSD", "2023-11-03T00:00")]
    assert store.ingest(write(tmp_path / "2023-11-03.csv", PLAIN, *lines)).is_complete
    assert coverage(store, "AAPL") == [("11-03 04:00", "11-04 04:00", "complete")]
    assert coverage(store, "C:EURUSD") == [("11-03 00:00", "11-04 00:00", "complete")]


def test_a_file_of_several_days_covers_each_of_them(store: Store, tmp_path: Path) -> None:
    lines = [line("AAPL", f"2023-11-02T{13 + minute // 60}:{minute % 60:02}") for minute in range(210)]
    lines += [line("AAPL", f"2023-11-06T15:0{minute}") for minute in range(3)]
    assert store.ingest(write(tmp_path / "2023-11.csv", PLAIN, *lines)).rows == 213
    assert coverage(store, "AAPL") == [
        ("11-02 04:00", "11-03 04:00", "complete"),
        ("11-06 05:00", "11-07 05:00", "complete"),
    ]


def future(text: str, session: str) -> str:
    return f"ESZ3,XCME,{session},{ns(text)},4350,4351,4349,4350.5,10,43505,4"


def test_a_futures_file_begins_on_the_evening_before(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "us_futures_cme/minute_aggs_v1/2023-11-03.csv"
    moments = ("2023-11-02T22:00", "2023-11-03T03:00", "2023-11-03T20:59")
    assert store.ingest(write(path, FUTURES, *(future(one, "2023-11-03") for one in moments))).is_complete
    assert times(store, "ESZ3") == ["11-02 22:00", "11-03 03:00", "11-03 20:59"]
    assert coverage(store, "ESZ3") == [("11-02 22:00", "11-03 22:00", "complete")]


def test_futures_files_cut_at_midnight_withdraw_nothing_of_each_other(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "us_futures_cme/minute_aggs_v1"
    first = [future("2023-11-02T13:30", "2023-11-02"), future("2023-11-02T22:30", "2023-11-03")]
    write(folder / "2023-11-02.csv", FUTURES, *first)
    write(folder / "2023-11-03.csv", FUTURES, future("2023-11-03T00:00", "2023-11-03"))
    assert store.ingest(folder).is_complete
    assert times(store, "ESZ3") == ["11-02 13:30", "11-02 22:30", "11-03 00:00"]
    assert coverage(store, "ESZ3")[0][0] == "11-02 00:00"


def test_a_session_of_futures_is_a_day(store: Store, tmp_path: Path) -> None:
    header = FUTURES.replace("close,", "close,settlement_price,").replace("exchange,", "")
    row = f"ZCZ3,2023-11-03,{ns('2023-11-02T22:00')},470,475,465,472,472,120000,56000000,9000"
    assert store.ingest(write(tmp_path / "zc_session.csv", header, row)).is_complete
    (found,) = store.sql("SELECT schema, session_date::TEXT, volume, transactions FROM bars_local").fetchall()
    assert found == ("ohlcv-1d", "2023-11-03", 120_000, 9_000)


def test_indices_have_no_volume(store: Store, tmp_path: Path) -> None:
    row = f"I:SPX,4300,4301,4302,4299,{ns('2023-11-03T13:30')}"
    path = write(tmp_path / "2023-11-03.csv", "ticker,open,close,high,low,window_start", row)
    assert store.ingest(path).is_complete
    found = store.sql("SELECT open, high, low, close, volume, transactions FROM bars").fetchall()
    assert found == [(4300, 4302, 4299, 4301, None, None)]


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_mark_and_quotes_are_read(store: Store, tmp_path: Path, mark: str, quoted: bool) -> None:
    lines = [PLAIN, f"AAPL,100,5,5.5,6,4.5,{ns('2023-11-03T13:30')},7"]
    if quoted:
        lines = ['"' + one.replace(",", '","') + '"' for one in lines]
    assert store.ingest(write(tmp_path / "2023-11-03.csv", *lines, mark=mark)).is_complete
    found = store.sql("SELECT ticker, open, high, low, close, volume, transactions FROM bars").fetchall()
    assert found == [("AAPL", 5, 6, 4.5, 5.5, 100, 7)]
