"""What custom files and frames cover: the time of their rows by default, else `covers`, in the zone of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mtstore
from mtstore.cli.exit_codes import Exit
from mtstore.cli.main import run as run_command
from mtstore.errors import InputError, RangeError


@pytest.fixture
def store(tmp_path: Path) -> mtstore.Store:
    return mtstore.open(tmp_path / "store", create=True)


def bars(times: Any, price: float = 100.0) -> pd.DataFrame:
    prices = {"open": price, "high": price + 1, "low": price - 1, "close": price + 0.5, "volume": 10.0}
    return pd.DataFrame({"ts_event": pd.DatetimeIndex(times)} | prices)


def times_of(store: mtstore.Store, what: str = "ts_event AT TIME ZONE 'UTC'") -> list[str]:
    return [str(row[0])[:16] for row in store.sql(f"SELECT {what} FROM bars ORDER BY ts_event").fetchall()]


def coverage_of(store: mtstore.Store) -> list[tuple[str, str, str, str | None]]:
    columns = "start_ts AT TIME ZONE 'UTC', end_ts AT TIME ZONE 'UTC', result, reason"
    rows = store.sql(f"SELECT {columns} FROM coverage ORDER BY start_ts").fetchall()
    return [(str(start)[:16], str(end)[:16], status, reason) for start, end, status, reason in rows]


def write_days(folder: Path) -> list[Path]:
    """Two New York evenings, each with a bar after midnight UTC, a file a day."""
    paths = []
    for day in ("2023-11-06", "2023-11-07"):
        path = folder / f"{day}.csv"
        path.write_text(
            f"ts_event,open,high,low,close,volume\n{day} 09:30,1,2,0.5,1.5,100\n{day} 19:30,1,2,0.5,1.5,100\n"
        )
        paths.append(path)
    (folder / "map.yaml").write_text("schema: ohlcv-1m\nticker: AAPL\ntz: America/New_York\n")
    return paths


EVENINGS = ["2023-11-06 14:30", "2023-11-07 00:30", "2023-11-07 14:30", "2023-11-08 00:30"]


@pytest.mark.parametrize("order", [1, -1])
def test_dates_are_days_of_the_mappings_zone(tmp_path: Path, order: int) -> None:
    paths = write_days(tmp_path)[::order]
    folder = tmp_path / "store"
    for path in paths:
        options = ["--create", "-q", "--map", str(tmp_path / "map.yaml"), "--covers", f"{path.stem}/{path.stem}"]
        assert run_command(["ingest", str(folder), str(path), *options]) == Exit.OK
    with mtstore.open(folder) as store:
        assert times_of(store) == EVENINGS
        assert store.sql("FROM revisions").fetchall() == []
        assert coverage_of(store)[0][0] == "2023-11-06 05:00"
        assert coverage_of(store)[-1][1] == "2023-11-08 05:00"


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("door", ["tz", "aware column", "aware index"])
def test_dates_of_frames_are_days_of_their_zone(store: mtstore.Store, door: str, order: int) -> None:
    for day in ("2023-11-06", "2023-11-07")[::order]:
        frame = bars([f"{day} 09:30", f"{day} 19:30"])
        if door != "tz":
            frame["ts_event"] = frame["ts_event"].dt.tz_localize("America/New_York")
        if door == "aware index":
            frame = frame.set_index("ts_event")
        tz = {"tz": "America/New_York"} if door == "tz" else {}
        store.ingest_frame(frame, ticker="AAPL", schema="ohlcv-1m", covers=(day, day), **tz)
    assert times_of(store) == EVENINGS
    assert store.sql("FROM revisions").fetchall() == []


@pytest.mark.parametrize("order", [1, -1])
def test_a_daily_bar_belongs_to_its_own_date(store: mtstore.Store, order: int) -> None:
    for day in ("2023-11-06", "2023-11-07")[::order]:
        mapping = {"schema": "ohlcv-1d", "tz": "Europe/Berlin", "ticker": "SAP.DE"}
        store.ingest_frame(bars([day]), mapping=mapping, covers=(day, day))
    dates = store.sql("SELECT session_date FROM bars_local ORDER BY ALL").fetchall()
    assert [str(date) for (date,) in dates] == ["2023-11-06", "2023-11-07"]
    assert store.sql("FROM revisions").fetchall() == []


def test_instants_stay_half_open_and_withdraw(store: mtstore.Store) -> None:
    store.ingest_frame(
        bars(["2023-11-06 14:00", "2023-11-06 14:30", "2023-11-06 15:00"]), ticker="A", schema="ohlcv-1m"
    )
    covers = ("2023-11-06T14:00Z", "2023-11-06T15:00Z")
    store.ingest_frame(bars(["2023-11-06 14:10"]), ticker="A", schema="ohlcv-1m", covers=covers)
    assert times_of(store) == ["2023-11-06 14:10", "2023-11-06 15:00"]


def session(day: str) -> pd.DataFrame:
    return bars(pd.date_range(f"{day} 09:30", periods=390, freq="1min", tz="America/New_York"))


def test_the_first_load_after_an_ingest_works(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    session("2023-11-06").to_csv(tmp_path / "aapl.csv", index=False)
    (tmp_path / "map.yaml").write_text("schema: ohlcv-1m\nticker: AAPL\n")
    folder = str(tmp_path / "store")
    options = ["--create", "--map", str(tmp_path / "map.yaml")]
    assert run_command(["ingest", folder, str(tmp_path / "aapl.csv"), *options]) == Exit.OK
    assert (
        "covered in the time from the first bar to the end of the last; nothing was withdrawn" in capfd.readouterr().err
    )
    out = str(tmp_path / "out.csv")
    day = ["--start", "2023-11-06", "--end", "2023-11-06"]
    assert run_command(["load", folder, "--tickers", "AAPL", "--interval", "1min", *day, "-o", out]) == Exit.OK
    assert len(pd.read_csv(out)) == 390
    with mtstore.open(folder) as store:
        assert coverage_of(store) == [("2023-11-06 14:30", "2023-11-06 21:00", "complete", "taken from the file")]


@pytest.mark.parametrize(("covers", "left"), [(None, 3), ("auto", 2)])
def test_only_auto_withdraws_what_lies_between_the_rows(store: mtstore.Store, covers: Any, left: int) -> None:
    store.ingest_frame(bars(["2023-11-06 14:31"]), ticker="A", schema="ohlcv-1m")
    store.ingest_frame(bars(["2023-11-06 14:30", "2023-11-06 14:32"]), ticker="A", schema="ohlcv-1m", covers=covers)
    assert len(times_of(store)) == left
    assert coverage_of(store)[0][:3] == ("2023-11-06 14:30", "2023-11-06 14:33", "complete")


def test_each_ticker_and_file_has_its_own_extent(store: mtstore.Store, tmp_path: Path) -> None:
    early, late = bars(["2023-11-06 14:30"]), bars(["2023-11-08 14:30"])
    early.assign(ticker="A").to_csv(tmp_path / "1.csv", index=False)
    pd.concat([late.assign(ticker="A"), late.assign(ticker="B")]).to_csv(tmp_path / "2.csv", index=False)
    store.ingest_files(sorted(tmp_path.glob("*.csv")), schema="ohlcv-1m")
    columns = "ticker, start_ts AT TIME ZONE 'UTC', end_ts AT TIME ZONE 'UTC'"
    rows = store.sql(f"SELECT {columns} FROM coverage ORDER BY ALL").fetchall()
    assert [(ticker, str(start)[:16], str(end)[:16]) for ticker, start, end in rows] == [
        ("A", "2023-11-06 14:30", "2023-11-06 14:31"),
        ("A", "2023-11-08 14:30", "2023-11-08 14:31"),
        ("B", "2023-11-08 14:30", "2023-11-08 14:31"),
    ]


def test_a_quarantined_row_inside_is_not_covered(store: mtstore.Store) -> None:
    frame = bars(pd.date_range("2023-11-06 14:30", periods=3, freq="1min"))
    frame.loc[1, "high"] = 1.0
    store.ingest_frame(frame, ticker="A", schema="ohlcv-1m")
    assert [row[2] for row in coverage_of(store)] == ["complete", "partial", "complete"]


def test_daily_bars_cover_their_days(store: mtstore.Store) -> None:
    frame = bars(["2023-11-03", "2023-11-06"])
    store.ingest_frame(frame, ticker="A", schema="ohlcv-1d", tz="America/New_York")
    assert coverage_of(store) == [("2023-11-03 04:00", "2023-11-07 05:00", "complete", "taken from the file")]


@pytest.mark.parametrize(
    ("covers", "error", "words"),
    [
        ("all", InputError, "covers: was 'all'; use 'auto', or two dates or instants"),
        (("2023-11-06",), InputError, "covers: was"),
        (("2023-11-06", "nonsense"), RangeError, "nonsense"),
        (("2023-11-06", None), RangeError, "must have both ends"),
    ],
)
def test_covers_that_cannot_be_right(store: mtstore.Store, covers: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        store.ingest_frame(bars(["2023-11-06 14:30"]), ticker="A", schema="ohlcv-1m", covers=covers)
    with pytest.raises(error, match=words):
        store.ingest_files(__file__, schema="ohlcv-1m", covers=covers)
    assert times_of(store) == []
