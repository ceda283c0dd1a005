"""Parquet and CSV files of one's own, and frames in memory, into a store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtstore import Store
from mtstore.config import load_config
from mtstore.errors import BrokenFileError, InputError, QueryError
from mtstore.sources.custom.read_file import ColumnMapping
from mtstore.storage.settings.apply_config import apply_config
from tests.kits.stores import START, bars_of, closes_of, minute_bars, minutes


def table(closes: dict[int, float | None], ticker: str | None = "A") -> pa.Table:
    """Minute bars with a column of their ticker."""
    bars = minute_bars(closes)
    return bars if ticker is None else bars.append_column("ticker", pa.array([ticker] * bars.num_rows))


def ledger(store: Store) -> list[tuple[str, str]]:
    return store.sql("SELECT tickers[1], result FROM core.coverage_ledger ORDER BY generation").fetchall()


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_a_file_with_our_names_needs_its_schema_only(store: Store, tmp_path: Path, file_format: str) -> None:
    path = tmp_path / f"mine.{file_format}"
    bars = table({0: 1.5, 3: 2.5})
    if file_format == "parquet":
        pq.write_table(bars, path)
    else:
        bars.to_pandas().to_csv(path, index=False)
    report = store.ingest(path, schema="ohlcv-1m")
    assert report.is_complete
    assert closes_of(store, "A") == {0: 1.5, 3: 2.5}
    assert store.sql("SELECT DISTINCT source, schema FROM bars").fetchall() == [("own", "ohlcv-1m")]
    assert ledger(store) == [("A", "complete")], "the time of its rows"
    assert store.ingest(path, schema="ohlcv-1m").files[0].status == "unchanged"


def test_other_names_are_read_by_a_mapping(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("when;first;high;low;last;shares\n2024-01-02 09:31;1;2;1;2;10\n2024-01-02 09:32;2;2;1;1;5\n")
    mapping = ColumnMapping(
        "ohlcv-1m",
        columns={"ts_event": "when", "open": "first", "close": "last", "volume": "shares"},
        ticker="TRUE",
        tz="America/New_York",
        stamp="close",
        delimiter=";",
    )
    assert store.ingest(path, mapping=mapping, source="mine").is_complete
    rows = store.sql("SELECT ticker, source, epoch_us(ts_event), open, close, volume FROM bars").fetchall()
    assert sorted(rows) == [
        ("TRUE", "mine", START, 1.0, 2.0, 10.0),
        ("TRUE", "mine", START + 60_000_000, 2.0, 1.0, 5.0),
    ]


def test_a_file_without_mapping_and_schema_is_refused(store: Store, tmp_path: Path) -> None:
    pq.write_table(table({0: 1.0}), tmp_path / "mine.parquet")
    report = store.ingest(tmp_path / "mine.parquet")
    assert "--schema" in str(report.rejected[0].error)
    report = store.ingest(tmp_path / "mine.parquet", mapping=ColumnMapping("ohlcv-1m"), schema="ohlcv-1d")
    assert "schema: was 'ohlcv-1d'" in str(report.rejected[0].error)


def test_only_what_covers_says_is_replaced_and_rows_beyond_it_are_added(store: Store, tmp_path: Path) -> None:
    pq.write_table(table({0: 1.0, 5: 1.0, 20: 1.0}), tmp_path / "first.parquet")
    store.ingest(tmp_path / "first.parquet", schema="ohlcv-1m")
    pq.write_table(table({1: 2.0, 30: 2.0}), tmp_path / "second.parquet")
    assert store.ingest(tmp_path / "second.parquet", schema="ohlcv-1m", covers=minutes(0, 10)).is_complete
    assert closes_of(store, "A") == {1: 2.0, 20: 1.0, 30: 2.0}
    assert ledger(store) == [("A", "complete")] * 2


def test_impossible_rows_are_quarantined_with_their_line(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    lines = ["ticker,ts_event,open,high,low,close,volume"]
    lines += [f"A,2024-01-02T14:3{minute}Z,1,{2 if minute != 1 else 0.5},1,1,1" for minute in range(3)]
    path.write_text("\n".join(lines))
    report = store.ingest(path, schema="ohlcv-1m")
    assert report.quarantined_rows == 1
    assert store.sql("SELECT origin FROM quarantine").fetchall() == [(f"{path}:3",)]
    assert set(closes_of(store, "A")) == {0, 2}


def test_prices_of_futures_may_be_zero_or_negative_once_the_store_knows_what_they_are(store: Store) -> None:
    frame = minute_bars({0: 1.0, 1: -37.63, 2: 0.0}).to_pandas().set_index("ts_event")
    frame = frame.assign(volume=1.0, transactions=1)
    assert store.ingest(frame, ticker="CLK0", schema="ohlcv-1m").quarantined_rows == 2
    assert store.ingest(frame, ticker="CLK0", schema="ohlcv-1m").files[0].status == "unchanged"
    apply_config(
        store.repository, load_config({"tickers": {"CLK0": {"calendar": "CMES"}, "AAPL": {"calendar": "XNYS"}}})
    )
    assert store.ingest(frame, ticker="CLK0", schema="ohlcv-1m").is_complete
    assert closes_of(store, "CLK0") == {0: 1.0, 1: -37.63, 2: 0.0}
    assert store.ingest(frame, ticker="CLK0", schema="ohlcv-1m").files[0].status == "unchanged"
    assert store.ingest(frame, ticker="AAPL", schema="ohlcv-1m").quarantined_rows == 2
    both = pd.concat([frame.assign(ticker=name) for name in ("CLK0", "AAPL")])
    assert store.ingest(both, schema="ohlcv-1m").quarantined_rows == 2


def test_a_value_that_cannot_be_read_is_quarantined_with_its_line(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    rows = [f"A,{1_704_205_800 + number * 60},1,1,1,{'x' if number == 299_999 else 1},1" for number in range(300_000)]
    path.write_text("\n".join(["ticker,ts_event,open,high,low,close,volume", *rows]))
    report = store.ingest(path, mapping=ColumnMapping("ohlcv-1m", time_unit="s"))
    assert (report.rows, report.quarantined_rows) == (299_999, 1)
    found = store.sql("SELECT ticker, reason, origin FROM quarantine").fetchall()
    assert found == [("A", "close: 'x' is not a number", f"{path}:300001")]


@pytest.mark.filterwarnings("ignore::mtstore.IngestWarning")
@pytest.mark.parametrize(
    ("row", "is_doubtful"),
    [
        ("2023-11-03;12.345;12.400;12.300;12.350;45.000", True),
        ("2023-11-03;12.345;12.400;12.300;12.350;45", False),
        ("2023-11-03;12.345;12.4;12.300;12.350;45.000", False),
        ("2023-11-03;12345;12400;12300;12350;45000", False),
    ],
)
def test_points_that_may_separate_thousands_are_noted(
    store: Store, tmp_path: Path, row: str, *, is_doubtful: bool
) -> None:
    path = tmp_path / "dax.csv"
    path.write_text(f"ts_event;open;high;low;close;volume\n{row}\n")
    mapping = {"schema": "ohlcv-1d", "ticker": "DAX", "delimiter": ";"}
    notes = store.ingest(path, mapping=mapping).notes
    signs = 'if the point separates thousands, set decimal: "," and thousands: "."'
    expected = [f"{path}: every number has exactly three digits after the point; {signs}"] if is_doubtful else []
    assert [note for note in notes if "three digits" in note] == expected


def test_points_that_are_said_to_separate_thousands_do(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "dax.csv"
    path.write_text("ts_event;open;high;low;close;volume\n2023-11-03;12.345;12.400;12.300;12.350;45.000\n")
    mapping = {"schema": "ohlcv-1d", "ticker": "DAX", "delimiter": ";", "decimal": ",", "thousands": "."}
    assert store.ingest(path, mapping=mapping).notes == []
    rows = store.sql("SELECT open, high, low, close, volume FROM bars").fetchall()
    assert rows == [(12345.0, 12400.0, 12300.0, 12350.0, 45000.0)]


def test_bars_outside_every_session_are_reported(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    next_year = datetime.now(UTC).year + 1
    times = ["1989-12-29T15:00Z", "1990-01-02T15:00Z", f"{next_year}-12-31T15:00Z", f"{next_year + 1}-01-03T15:00Z"]
    rows = [f"{ticker},{at},1,1,1,1,1" for ticker, few in (("A", times), ("B", times[1:3])) for at in few]
    path.write_text("\n".join(["ticker,ts_event,open,high,low,close,volume", *rows]))
    report = store.ingest(path, schema="ohlcv-1m")
    assert report.sessionless == {"A": 2}
    assert report.is_complete  # they are stored, and read as bars
    assert len(bars_of(store)) == 6


def test_a_frame_goes_in_and_comes_out(store: Store) -> None:
    frame = minute_bars({0: 1.0, 1: 2.0}).to_pandas().set_index("ts_event")
    report = store.ingest(frame, ticker="A", schema="ohlcv-1m")
    assert report.is_complete
    assert report.files[0].path == "<DataFrame>"
    assert closes_of(store, "A") == {0: 1.0, 1: 2.0}
    assert store.ingest(frame, ticker="A", schema="ohlcv-1m").files[0].status == "unchanged"
    assert store.ingest(frame, ticker="B", schema="ohlcv-1m").files[0].status == "ingested"
    assert store.tickers() == ["A", "B"]


@pytest.mark.parametrize("name", [None, "timestamp", "ts_event", "Date"])
def test_times_in_the_index_are_the_bars_times_whatever_they_are_called(store: Store, name: str | None) -> None:
    frame = minute_bars({0: 1.0, 1: 2.0}).to_pandas().set_index("ts_event").rename_axis(name)
    store.ingest(frame, ticker="A", schema="ohlcv-1m")
    assert closes_of(store, "A") == {0: 1.0, 1: 2.0}


def test_the_number_of_a_row_is_no_time(store: Store) -> None:
    frame = minute_bars({0: 1.0, 1: 2.0}).to_pandas().rename(columns={"ts_event": "timestamp"})
    with pytest.raises(BrokenFileError, match=r"no column 'ts_event'; its columns are 'timestamp'.*a mapping names it"):
        store.ingest(frame, ticker="A", schema="ohlcv-1m")
    columns = {"ts_event": "timestamp"}
    store.ingest(frame, schema="ohlcv-1m", mapping={"ticker": "A", "columns": columns})
    assert closes_of(store, "A") == {0: 1.0, 1: 2.0}


def test_numbers_in_the_index_are_times_where_the_mapping_says_what_they_count(store: Store) -> None:
    frame = minute_bars({0: 1.0, 1: 2.0}).to_pandas().set_index("ts_event")
    frame.index = frame.index.as_unit("s").asi8
    store.ingest(frame, mapping={"schema": "ohlcv-1m", "ticker": "A", "time_unit": "s"})
    assert closes_of(store, "A") == {0: 1.0, 1: 2.0}


def test_an_arrow_table_of_several_tickers_goes_in(store: Store) -> None:
    both = pa.concat_tables([table({0: 1.0}, "A"), table({0: 2.0}, "B")])
    store.ingest(both, schema="ohlcv-1m", source="mine")
    assert (closes_of(store, "A"), closes_of(store, "B")) == ({0: 1.0}, {0: 2.0})


def test_a_frame_replaces_the_days_that_it_covers(store: Store) -> None:
    store.ingest(table({0: 1.0, 1: 1.0, 2_000: 1.0}), schema="ohlcv-1m")
    store.ingest(table({1: 5.0}), schema="ohlcv-1m", covers=("2024-01-02", "2024-01-02"))
    assert closes_of(store, "A") == {1: 5.0, 2_000: 1.0}


def test_missing_numbers_in_a_frame_are_no_values(store: Store) -> None:
    frame = minute_bars({0: 1.0, 1: 2.0}).to_pandas()
    frame["vwap"] = [float("nan"), 2.0]
    for _ in range(2):
        store.ingest(frame, ticker="A", schema="ohlcv-1m", source=None)
    frame["close"] = [1.0, 2.0]
    store.ingest(frame.iloc[::-1], ticker="A", schema="ohlcv-1m")
    assert store.sql("SELECT vwap FROM bars ORDER BY ts_event").fetchall() == [(None,), (2.0,)]
    assert store.sql("SELECT count(*) FROM revisions").fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("options", "words"), [({}, "need a mapping"), ({"schema": "ohlcv-1m"}, "'ticker'")], ids=["schema", "ticker"]
)
def test_a_frame_that_leaves_something_open_is_refused(store: Store, options: dict[str, Any], words: str) -> None:
    frame = minute_bars({0: 1.0}).to_pandas()
    with pytest.raises((InputError, BrokenFileError), match=words):
        store.ingest(frame, **options)
    with pytest.raises(InputError, match="ticker: was 'A', but the mapping has 'B'"):
        store.ingest(frame, ticker="A", mapping=ColumnMapping("ohlcv-1m", ticker="B"))


def test_daily_frames_keep_the_days_of_their_zone(store: Store) -> None:
    frame = pd.DataFrame(
        {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1},
        index=pd.DatetimeIndex(["2024-03-08", "2024-03-11"], name="ts_event"),
    )
    store.ingest(frame, ticker="A", schema="ohlcv-1d", tz="America/New_York")
    rows = store.sql("SELECT ts_event::VARCHAR FROM bars ORDER BY ts_event").fetchall()
    assert rows == [("2024-03-08 05:00:00+00",), ("2024-03-11 04:00:00+00",)]
    assert store.sql("SELECT day_tz FROM core.series").fetchall() == [("America/New_York",)]


def test_hours_may_open_off_the_utc_grid(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "hours.csv"
    rows = "".join(f"2023-11-0{day} {clock},1,2,0.5,1.5,100\n" for day in (3, 6) for clock in ("09:30", "10:30"))
    path.write_text("ts_event,open,high,low,close,volume\n" + rows + "2023-11-06 12:10,1,2,0.5,1.5,100\n")
    report = store.ingest(path, mapping={"schema": "ohlcv-1h", "ticker": "A", "tz": "America/New_York"})
    assert (report.rows, report.quarantined_rows) == (4, 1)
    opens = store.sql("SELECT strftime(timezone('UTC', ts_event), '%d %H:%M') FROM bars ORDER BY ts_event").fetchall()
    assert [one for (one,) in opens] == ["03 13:30", "03 14:30", "06 14:30", "06 15:30"]


def test_four_hours_keep_the_grid_of_their_own_clock(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "hours.csv"
    rows = "".join(
        f"2023-{day} {clock},1,2,0.5,1.5,100\n" for day in ("11-03", "11-06") for clock in ("09:30", "13:30")
    )
    path.write_text("ts_event,open,high,low,close,volume\n" + rows)
    report = store.ingest(path, mapping={"schema": "ohlcv-4h", "ticker": "A", "tz": "America/New_York"})
    assert (report.rows, report.quarantined_rows) == (4, 0)
    for options in ({}, {"session": "all", "anchor": "midnight"}):
        with pytest.raises(QueryError, match="bars with a grid of their own fit only as hours"):
            store.resample("A", "4h", "2023-11-03", "2023-11-06", **options).to_arrow()


def test_hours_from_the_open_are_read_back_as_they_are(store: Store) -> None:
    # The clock goes back between the two days.
    index = pd.DatetimeIndex([f"2023-{day} {hour}:30" for day in ("11-03", "11-06") for hour in range(9, 16)])
    frame = pd.DataFrame(
        {"open": 1.0, "high": 99.0, "low": 0.5, "close": range(14), "volume": 10.0},
        index=index.tz_localize("America/New_York").rename("ts_event"),
    )
    frame["close"] += 1.0
    store.ingest(frame, ticker="A", schema="ohlcv-1h")
    found = store.align(["A"], "1h", "2023-11-03", "2023-11-06").to_pandas()
    assert found["A_close"].tolist() == frame["close"].tolist()
    assert list(found.index) == list(frame.index)
    assert store.align(["A"], "2h", "2023-11-03", "2023-11-03").to_pandas()["A_close"].tolist() == [2.0, 4.0, 6.0, 7.0]
    with pytest.raises(QueryError, match="bars with a grid of their own fit only as hours"):
        store.align(["A"], "1h", "2023-11-03", "2023-11-06", session="all").to_pandas()


def test_hours_off_the_opens_of_a_calendar_are_refused(store: Store) -> None:
    times = pd.date_range("2023-11-03 09:30", periods=6, freq="1h", tz="UTC", name="ts_event")
    frame = pd.DataFrame({"open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 10.0}, index=times)
    store.ingest(frame, ticker="X:BTCUSD", schema="ohlcv-1h")
    with pytest.raises(QueryError, match="bars with a grid of their own fit only as hours"):
        store.align(["X:BTCUSD"], "1h", "2023-11-03", "2023-11-03").to_pandas()


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_frames_with_columns_of_two_levels_go_in(store: Store, order: list[int]) -> None:
    one = pd.DataFrame({"Open": 1.0, "High": 2.0, "Low": 0.5, "Close": [1.5, 1.0], "Volume": 100.0},
                       index=pd.to_datetime(["2024-01-02", "2024-01-03"]))  # fmt: skip
    other = one.copy()
    other.iloc[1] = float("nan")
    frame = pd.concat({"ADBE": one, "CRM": other}, axis=1).reorder_levels(order, axis=1)
    report = store.ingest(frame, schema="ohlcv-1d")
    assert (report.rows, report.quarantined_rows) == (3, 0)
    assert store.sql("SELECT ticker, count(*) FROM bars GROUP BY 1 ORDER BY 1").fetchall() == [("ADBE", 2), ("CRM", 1)]
