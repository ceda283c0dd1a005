"""Folders of files: text files are data or are passed over, and a folder may name the ticker."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtstore import Store

HEADER = "ts_event,open,high,low,close,volume"
ROW = "2023-11-03 13:30,1,2,0.5,1.5,100"


def write(path: Path, ticker: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    more = ("", "") if ticker is None else (",ticker", f",{ticker}")
    path.write_text(f"{HEADER}{more[0]}\n{ROW}{more[1]}\n")


def test_text_files_are_recognised_by_content(store: Store, tmp_path: Path) -> None:
    write(tmp_path / "in/AAPL.txt", "AAPL")
    write(tmp_path / "in/MSFT.csv", "MSFT")
    (tmp_path / "in/README.txt").write_text("about these files\n")
    (tmp_path / "in/notes.txt").write_text("bought in 2023\n")
    (tmp_path / "in/Thumbs.db").write_bytes(b"\xff\xfe\x00")
    report = store.ingest(tmp_path / "in", schema="ohlcv-1m")
    assert report.is_complete
    assert store.tickers() == ["AAPL", "MSFT"]
    assert report.summary()[-1] == "passed over, not data: README.txt, Thumbs.db, notes.txt"


@pytest.mark.parametrize("name", ["README.txt", "notes.txt"])
def test_a_side_file_given_by_name_is_rejected(store: Store, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("about these files\n")
    assert [outcome.status for outcome in store.ingest(tmp_path / name, schema="ohlcv-1m").files] == ["rejected"]


def test_a_hive_folder_names_the_ticker(store: Store, tmp_path: Path) -> None:
    for ticker in ("AAPL", "%62rk.B"):
        write(tmp_path / f"in/ticker={ticker}/part-0.csv")
    assert store.ingest(tmp_path / "in", schema="ohlcv-1m").rows == 2
    assert store.tickers() == ["AAPL", "brk.B"]
