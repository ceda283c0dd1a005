"""What an ingest says: a screen in Python, a line per reason on the command line, warnings of its own class."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd
import pytest

import mtstore
from mtstore import IngestWarning
from mtstore.cli.exit_codes import Exit
from mtstore.cli.main import run as run_command


@pytest.fixture
def store(tmp_path: Path) -> mtstore.Store:
    return mtstore.open(tmp_path / "store", create=True)


def frame(high: float = 98.0, rows: int = 5) -> pd.DataFrame:
    """Minutes with the third bar's high as given; the others are valid."""
    times = pd.date_range("2023-11-06 14:30", periods=rows, freq="1min", tz="UTC")
    bars = pd.DataFrame({"ts_event": times, "open": 100.0, "high": 101.0, "low": 97.0, "close": 100.5, "volume": 1.0})
    bars.loc[2, "high"] = high
    return bars


REASON = "1 row of T quarantined: high is below open or close"


def test_quarantined_rows_of_a_frame_warn_at_the_caller(store: mtstore.Store) -> None:
    with pytest.warns(IngestWarning, match=REASON) as caught:
        result = store.ingest(frame(), ticker="T", schema="ohlcv-1m")
    assert [warning.filename for warning in caught] == [__file__]
    assert (result.rows, result.quarantined_rows) == (4, 1)
    assert [(one.reason, one.rows, one.tickers) for one in result.reasons] == [
        ("high is below open or close", 1, ["T"])
    ]


def test_quarantined_rows_of_files_and_globs_warn_with_the_place(store: mtstore.Store, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    frame().assign(ticker="T").to_csv(path, index=False)
    with pytest.warns(IngestWarning, match=rf"{REASON} \(the first: {path}:4\)"):
        store.ingest_files(str(tmp_path / "*.csv"), schema="ohlcv-1m")


def test_clean_bars_do_not_warn(store: mtstore.Store) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = store.ingest(frame(high=101.0), ticker="T", schema="ohlcv-1m")
    assert result.problems() == []


def test_a_printed_result_counts_equal_reasons(store: mtstore.Store, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(500):
        (folder / f"T{number:03}.csv").write_text("time,open\n1,2\n")
    frame().assign(ticker="T").to_csv(folder / "t.csv", index=False)
    with pytest.warns(IngestWarning, match="500 files rejected: no column 'ticker'"):
        result = store.ingest_files(folder, schema="ohlcv-1m")
    lines = str(result).splitlines()
    assert lines[0] == "1 file ingested, 0 unchanged, 500 rejected"
    assert lines[1].startswith("4 bars of 1 ticker: ")
    assert lines[2].startswith("each ticker is covered")
    assert lines[3].startswith("500 files rejected: no column 'ticker'")
    assert lines[3].endswith(": T000.csv, T001.csv, T002.csv and 497 more")
    assert lines[4:] == [f"{REASON} (the first: {folder / 't.csv'}:4)"]
    recorded = store.sql("SELECT error FROM ingest_runs").fetchall()[0][0]
    assert all(f"T{number:03}.csv" in recorded for number in range(500))


def test_a_printed_result_fits_a_screen(store: mtstore.Store, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(100):
        (folder / f"T{number:03}.csv").write_text(f"ticker,time{number},open,high,low,close,volume\n")
    with pytest.warns(IngestWarning):
        result = store.ingest_files(folder, schema="ohlcv-1m")
    assert len(str(result).splitlines()) == 22
    assert str(result).endswith("80 more reasons: see ingest_runs and quarantine")


def test_the_command_line_names_a_reason_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(50):
        (folder / f"T{number:03}.csv").write_text("time,open\n1,2\n")
    store = str(tmp_path / "store")
    assert run_command(["ingest", store, "--create", "-q", str(folder), "--schema", "ohlcv-1m"]) == Exit.REJECTED
    shown = capfd.readouterr().err
    assert shown.count("no column 'ticker'") == 1
    assert "mtstore: error: 50 files rejected: no column 'ticker'" in shown
    frame().assign(ticker="T").to_csv(tmp_path / "t.csv", index=False)
    assert run_command(["ingest", store, "-q", str(tmp_path / "t.csv"), "--schema", "ohlcv-1m"]) == Exit.INCOMPLETE
    assert capfd.readouterr().err.count(REASON) == 1
