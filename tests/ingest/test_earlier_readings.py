"""The same bytes with another mapping replace their first reading."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mtstore import Store
from mtstore.ranges import TimeRange
from mtstore.sources.custom.load_presets import load_preset, preset_names
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
from mtstore.sources.custom.mapping.parse_mapping import parse_mapping
from mtstore.storage.commit import failpoints
from tests.kits.stores import core_tables

pytestmark = pytest.mark.filterwarnings("ignore::mtstore.IngestWarning")

WRONG = {"schema": "ohlcv-1m", "ticker": "X"}
RIGHT = WRONG | {"tz": "America/New_York"}
DAY = date(2023, 11, 3)
ROW = "{},1,2,0.5,1.5,100\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "a.csv", "2023-11-03 09:30", "2023-11-03 09:31")


def write(path: Path, *times: str, row: str = ROW) -> Path:
    path.write_text("ts_event,open,high,low,close,volume\n" + "".join(row.format(time) for time in times))
    return path


def times(store: Store, ticker: str = "X") -> list[str]:
    query = "SELECT strftime(timezone('UTC', ts_event), '%H:%M') FROM bars WHERE ticker = ? ORDER BY ts_event"
    return [time for (time,) in store.sql(query, [ticker]).fetchall()]


def coverage(store: Store) -> list[Any]:
    clock = "strftime(timezone('UTC', {}), '%H:%M')"
    bounds = f"{clock.format('start_ts')}, {clock.format('end_ts')}"
    return store.sql(f"SELECT DISTINCT ticker, schema, {bounds} FROM coverage ORDER BY ALL").fetchall()


def test_another_mapping_replaces_the_first_reading(store: Store, file: Path) -> None:
    first = store.ingest(file, mapping=WRONG)
    second = store.ingest(file, mapping=RIGHT)
    assert second.notes == [
        f"{file}: read with another mapping before (run {first.run_id}); bars of that reading that were withdrawn: 2"
    ]
    assert times(store) == ["13:30", "13:31"]
    assert coverage(store) == [("X", "ohlcv-1m", "13:30", "13:32")]
    assert store.sql("SELECT kind, count(*) FROM revisions GROUP BY kind").fetchall() == [("withdrawn", 2)]
    again = store.ingest(file, mapping=RIGHT)
    assert ([one.status for one in again.files], again.notes) == (["unchanged"], [])
    before = core_tables(store)
    store.rebuild()
    assert core_tables(store) == before
    # A reading that was replaced can come back.
    store.ingest(file, mapping=WRONG)
    assert times(store) == ["09:30", "09:31"]


def test_a_second_reading_that_was_cut_off_is_finished_by_the_next(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bars are committed, and the process ends before those of the first reading are withdrawn."""
    store.ingest(file, mapping=WRONG)
    hits = iter(range(9))

    def end_at_the_second_commit(failpoint: str) -> None:
        if failpoint == "locked" and next(hits) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "observer", end_at_the_second_commit)
        with pytest.raises(KeyboardInterrupt):
            store.ingest(file, mapping=RIGHT)
    assert times(store) == ["09:30", "09:31", "13:30", "13:31"]
    assert [one.status for one in store.ingest(file, mapping=RIGHT).files] == ["ingested"]
    assert times(store) == ["13:30", "13:31"]


def test_each_of_several_files_of_equal_bytes_is_replaced(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in ("X", "Y"):
        folder.mkdir(exist_ok=True)
        write(folder / f"{name}.csv", "2023-11-03 09:30")
    store.ingest(folder, mapping={"schema": "ohlcv-1m", "ticker_from": "file"})
    store.ingest(folder, mapping={"schema": "ohlcv-1m", "ticker_from": "file", "tz": "America/New_York"})
    assert (times(store, "X"), times(store, "Y")) == (["13:30"], ["13:30"])
    assert store.sql("SELECT count(*) FROM core.inputs").fetchall() == [(2,)]


def test_a_reading_of_selected_tickers_is_replaced_by_one_of_all(store: Store, tmp_path: Path) -> None:
    both = tmp_path / "both.csv"
    lines = [f"{ticker},2023-11-03 09:30,1,2,0.5,1.5,1\n" for ticker in "AB"]
    both.write_text("ticker,ts_event,open,high,low,close,volume\n" + "".join(lines))
    store.ingest(both, schema="ohlcv-1m", tickers="A")
    store.ingest(both, schema="ohlcv-1m", tz="America/New_York")
    assert (times(store, "A"), times(store, "B")) == (["13:30"], ["13:30"])


def test_bars_that_both_readings_have_are_not_withdrawn(store: Store, tmp_path: Path) -> None:
    # An hour later, the second reading has one bar of the first one's times.
    path = write(tmp_path / "a.csv", "2023-11-03 09:30", "2023-11-03 10:30")
    store.ingest(path, mapping=RIGHT)
    store.ingest(path, mapping=RIGHT | {"tz": "America/Chicago"})
    assert times(store) == ["14:30", "15:30"]
    assert store.sql("SELECT kind FROM revisions").fetchall() == [("withdrawn",)]


def test_bars_and_coverage_of_other_files_stay(store: Store, file: Path, tmp_path: Path) -> None:
    store.ingest(file, mapping=WRONG)
    other = write(tmp_path / "b.csv", "2023-11-03 09:31", row="{},7,8,6,7,1\n")
    store.ingest(other, mapping=WRONG)
    store.ingest(file, mapping=RIGHT)
    assert times(store) == ["09:31", "13:30", "13:31"]


@pytest.mark.parametrize(
    "wrong", [{"ticker": "Y"}, {"schema": "ohlcv-1s"}, {"columns": {"open": "low", "low": "open"}}], ids=str
)
def test_a_wrong_ticker_width_or_column_is_replaced(store: Store, file: Path, wrong: dict[str, Any]) -> None:
    columns = {"columns": {"open": "close", "close": "open"}} if "columns" in wrong else {}
    store.ingest(file, mapping=RIGHT | (wrong | columns))
    store.ingest(file, mapping=RIGHT)
    rows = store.sql("SELECT ticker, schema, open, close, count(*) FROM bars GROUP BY ALL").fetchall()
    assert rows == [("X", "ohlcv-1m", 1.0, 1.5, 2)]
    assert coverage(store) == [("X", "ohlcv-1m", "13:30", "13:32")]


def test_what_is_no_other_reading_of_the_file_stays(store: Store, file: Path, tmp_path: Path) -> None:
    """A selection of tickers, another source, and a second reading that is refused."""
    store.ingest(file, mapping=WRONG)
    assert store.ingest(file, mapping=WRONG | {"delimiter": ";"}).rejected
    assert store.ingest(file, mapping=RIGHT, source="mine").notes == []
    assert times(store) == ["09:30", "09:31", "13:30", "13:31"]
    both = tmp_path / "both.csv"
    lines = [f"{ticker},2023-11-03 09:30,1,2,0.5,1.5,1\n" for ticker in "AB"]
    both.write_text("ticker,ts_event,open,high,low,close,volume\n" + "".join(lines))
    store.ingest(both, schema="ohlcv-1m", tickers="A")
    assert store.ingest(both, schema="ohlcv-1m", tickers="B").notes == []
    assert (times(store, "A"), times(store, "B")) == (["09:30"], ["09:30"])


@pytest.mark.parametrize(
    "covers",
    ["auto", ("2023-11-03", "2023-11-03"), (DAY, DAY), TimeRange(1698969600000000, 1699056000000000)],
    ids=str,
)
def test_what_a_file_covers_may_be_stated(store: Store, file: Path, covers: Any) -> None:
    store.ingest(file, mapping=WRONG, covers=covers)
    store.ingest(file, mapping=RIGHT, covers=covers)
    assert times(store) == ["13:30", "13:31"]


def test_a_format_and_single_options_count_as_the_mapping(store: Store, file: Path) -> None:
    store.ingest(file, schema="ohlcv-1m", ticker="X")
    store.ingest(file, schema="ohlcv-1m", ticker="X", tz="America/New_York")
    assert times(store) == ["13:30", "13:31"]


def test_days_keep_their_dates_in_whatever_zone_they_are_read(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "2023-11-03", "2023-11-06")
    daily = {"schema": "ohlcv-1d", "ticker": "X"}
    store.ingest(path, mapping=daily | {"tz": "America/New_York"})
    store.ingest(path, mapping=daily | {"tz": "UTC"})
    days = store.sql("SELECT strftime(session_date, '%d') FROM bars_local ORDER BY 1").fetchall()
    assert days == [("03",), ("06",)]


@pytest.mark.parametrize(
    "mapping",
    [
        *(parse_mapping(one.mapping, "ohlcv-1m") for name in preset_names() for one in load_preset(name).layouts),
        ColumnMapping("ohlcv-1m", header=0, columns={"volume": ("1", "2")}, price_scale={"ES": 0.01}, null_values=()),
        ColumnMapping("ohlcv-1m", null_values=("n/a", "")),
    ],
    ids=str,
)
def test_a_run_keeps_the_mapping_as_it_was(mapping: ColumnMapping) -> None:
    assert parse_mapping(mapping.to_tree()) == mapping
