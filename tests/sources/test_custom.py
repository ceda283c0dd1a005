"""Files of one's own, each read by a mapping; the answers are written out by hand."""

from __future__ import annotations

import gzip
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from textwrap import indent
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from mtstore import Store
from mtstore.cli.commands import ingest
from mtstore.errors import BrokenFileError, ConfigError, InputError
from mtstore.sources.batch_schema import batch_schema
from mtstore.sources.custom.load_presets import preset_names
from mtstore.sources.custom.mapping.column_mapping import KEYS
from mtstore.sources.custom.mapping.example import EXAMPLE
from mtstore.sources.custom.mapping.file_name import name_facts
from mtstore.sources.custom.mapping.parse_mapping import mapping_json_schema, parse_mapping
from mtstore.sources.custom.read_file import ColumnMapping, CustomFile, read_mapping, table_batches
from mtstore.synthetic import SyntheticMarket

PLAIN = "ticker,ts_event,open,high,low,close,volume\n"


def rows_of(batches: Any) -> pd.DataFrame:
    batches = list(batches)
    assert all(batch.schema.equals(batch_schema()) for batch in batches)
    found: pd.DataFrame = pa.Table.from_batches(batches, schema=batch_schema()).to_pandas()
    return found


def read_csv(tmp_path: Path, text: str, mapping: ColumnMapping, **options: Any) -> pd.DataFrame:
    (tmp_path / "own.csv").write_text(text, encoding="utf-8")
    return rows_of(CustomFile(tmp_path / "own.csv", mapping, "csv").batches(**options))


def csv_file(folder: Path, text: str, mapping: ColumnMapping) -> CustomFile:
    (folder / "own.csv").write_text(text)
    return CustomFile(folder / "own.csv", mapping, "csv")


def rejected(folder: Path, text: str) -> list[tuple[int, str, str | None]]:
    return [
        (line.line, line.reason, line.ticker)
        for one in csv_file(folder, text, ColumnMapping("ohlcv-1m")).read()
        for line in one.rejected
    ]


def read_times(tmp_path: Path, times: list[str], **settings: Any) -> list[str]:
    text = PLAIN + "".join(f'AAA,"{time}",1,2,1,2,10\n' for time in times)
    stamps = read_csv(tmp_path, text, ColumnMapping(**({"schema": "ohlcv-1m"} | settings))).ts_event
    return [stamp.isoformat() for stamp in stamps]


def test_a_csv_of_our_own_names_needs_no_columns(tmp_path: Path) -> None:
    text = PLAIN + "NA,2024-01-02T14:30:00Z,1.5,2.25,1,2,10.5\n001,2024-01-02T14:31:00Z,2,2,2,2,\n"
    rows = read_csv(tmp_path, text, ColumnMapping("ohlcv-1m"))
    assert rows.ticker.tolist() == ["NA", "001"]
    assert rows.ts_event.tolist() == [pd.Timestamp("2024-01-02 14:30Z"), pd.Timestamp("2024-01-02 14:31Z")]
    assert rows[["open", "high", "low", "close"]].to_numpy().tolist() == [[1.5, 2.25, 1, 2], [2, 2, 2, 2]]
    assert rows.volume.fillna(-1).tolist() == [10.5, -1]
    assert rows[["vwap", "transactions", "publisher_id"]].isna().all(axis=None)


def test_columns_are_mapped_and_the_others_ignored(tmp_path: Path) -> None:
    text = "noise;t;o;h;l;c;v;w;n\nx,y;1704205800000;1;4;0.5;2;10;1.25;3\n"
    columns = {
        "ts_event": "t",
        "open": "o",
        "high": "h",
        "low": "l",
        "close": "c",
        "volume": "v",
        "vwap": "w",
        "transactions": "n",
    }
    mapping = ColumnMapping("ohlcv-1m", columns=columns, ticker="X:BTCUSD", time_unit="ms", delimiter=";")
    (row,) = read_csv(tmp_path, text, mapping).to_dict("records")
    assert row == {
        "ticker": "X:BTCUSD", "ts_event": pd.Timestamp("2024-01-02 14:30Z"), "open": 1, "high": 4, "low": 0.5,
        "close": 2, "volume": 10, "vwap": 1.25, "transactions": 3, "publisher_id": row["publisher_id"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "number"),
    [("ns", "1704205800000000123"), ("us", "1704205800000000"), ("ms", "1704205800000"), ("s", "1704205800"),
     ("s", "1704205800.0"), ("ms", " 1.7042058e12 ")],
)  # fmt: skip
def test_numbers_count_in_the_unit_that_is_said(tmp_path: Path, unit: str, number: str) -> None:
    assert read_times(tmp_path, [number], time_unit=unit) == ["2024-01-02T14:30:00+00:00"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "2024-01-02 14:30"),
        ({}, "2024-01-02T14:30:00.000000"),
        ({}, "2024-01-02T14:30Z"),
        ({}, "2024-01-02 09:30:00-05:00"),
        ({"tz": "Asia/Tokyo"}, "2024-01-02 09:30:00-05"),
        ({"tz": "America/New_York"}, "2024-01-02 09:30"),
        ({"tz": "America/New_York", "time_format": "%m/%d/%Y %I:%M %p"}, "01/02/2024 09:30 AM"),
        ({"time_format": "%Y%m%d %H%M%z"}, "20240102 0930-0500"),
    ],
)
def test_text_is_iso_or_of_the_format_that_is_said(tmp_path: Path, settings: dict[str, str], text: str) -> None:
    assert read_times(tmp_path, [text], **settings) == ["2024-01-02T14:30:00+00:00"]


def test_row_with_a_broken_offset_is_rejected_alone(tmp_path: Path) -> None:
    times = ["2023-11-03 13:30:00", "2023-11-03 13:31:00-0", "2023-11-03 13:32:00"]
    text = PLAIN + "".join(f"AAA,{time},1,2,1,2,10\n" for time in times)
    ((line, reason, _),) = rejected(tmp_path, text)
    assert (line, reason[:34]) == (3, "ts_event: '2023-11-03 13:31:00-0' ")


def test_header_ends_at_a_carriage_return(tmp_path: Path) -> None:
    text = PLAIN.replace("\n", "\r") + "AAA,2023-11-03 13:30,1,2,1,2,10\r"
    (tmp_path / "own.csv").write_bytes(text.encode())
    assert CustomFile(tmp_path / "own.csv", ColumnMapping("ohlcv-1m"), "csv").columns >= {"ticker", "volume"}


def test_wall_times_follow_the_clocks(tmp_path: Path) -> None:
    assert read_times(tmp_path, ["2024-03-08 09:30", "2024-03-11 09:30"], tz="America/New_York") == [
        "2024-03-08T14:30:00+00:00", "2024-03-11T13:30:00+00:00",
    ]  # fmt: skip


AUTUMN = [f"2023-11-05 {clock}" for clock in ("00:30", "01:00", "01:30", "01:00", "01:30", "02:00")]


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_rows_tells_which_of_two_equal_wall_times_it_is(tmp_path: Path, order: int) -> None:
    found = read_times(tmp_path, AUTUMN[::order], tz="America/New_York", schema="ohlcv-30m")
    clocks = [time[11:16] for time in found[::order]]
    assert clocks == ["04:30", "05:00", "05:30", "06:00", "06:30", "07:00"]


@pytest.mark.parametrize(
    ("settings", "times", "left", "reason"),
    [
        ({}, ["2024-03-10 01:30", "2024-03-10 02:30"], ["06:30"], "2024-03-10 02:30:00 does not exist in America"),
        ({"nonexistent": "shift"}, ["2024-03-10 01:30", "2024-03-10 02:30"], ["06:30", "07:30"], None),
        ({}, ["2023-11-05 00:30", "2023-11-05 01:30"], ["04:30"], "2023-11-05 01:30:00 occurs twice in America"),
        ({"ambiguous": "first"}, ["2023-11-05 01:30"], ["05:30"], None),
        ({"ambiguous": "last"}, ["2023-11-05 01:30"], ["06:30"], None),
        ({"ambiguous": "quarantine"}, AUTUMN, ["04:30", "07:00"], "occurs twice"),
    ],
)
def test_local_times_that_do_not_exist_or_occur_twice(
    tmp_path: Path, settings: dict[str, Any], times: list[str], left: list[str], reason: str | None
) -> None:
    text = PLAIN + "".join(f"A,{one},1,2,1,2,10\n" for one in times)
    if settings.get("ambiguous") == "quarantine":
        text += "".join(f"A,2023-11-06 0{hour}:00,1,2,1,2,10\n" for hour in range(9))
    mapping = ColumnMapping("ohlcv-30m", tz="America/New_York", **settings)
    found = list(csv_file(tmp_path, text, mapping).read())
    clocks = [str(time)[11:16] for one in found for time in one.batch["ts_event"].to_pylist()]
    assert clocks[: len(left)] == left
    reasons = [line.reason for one in found for line in one.rejected]
    assert all(reason in one for one in reasons) if reason else reasons == []


@pytest.mark.parametrize("key", ["ambiguous", "nonexistent"])
def test_local_times_can_refuse_the_file(tmp_path: Path, key: str) -> None:
    text = "2023-11-05 01:30" if key == "ambiguous" else "2024-03-10 02:30"
    with pytest.raises(BrokenFileError, match=f"set {key}, or give times in UTC"):
        read_times(tmp_path, [text], tz="America/New_York", **{key: "raise"})


def test_times_with_and_without_a_zone_are_not_mixed(tmp_path: Path) -> None:
    lines = rejected(tmp_path, PLAIN + "A,2024-01-02T14:30Z,1,2,1,2,10\nA,2024-01-02 14:31,1,2,1,2,10\n")
    assert lines == [(3, "ts_event: '2024-01-02 14:31' is without a zone; others have one", "A")]


def test_a_stamp_at_the_close_becomes_the_open(tmp_path: Path) -> None:
    assert read_times(tmp_path, ["2024-01-02T14:31Z"], stamp="close") == ["2024-01-02T14:30:00+00:00"]
    assert read_times(tmp_path, ["2024-01-02T15:30Z"], stamp="close", schema="ohlcv-1h") == [
        "2024-01-02T14:30:00+00:00"
    ]


@pytest.mark.parametrize(
    ("stamp", "text"),
    [("open", "2024-03-11"), ("open", "2024-03-11 09:30"), ("close", "2024-03-11 16:00"), ("close", "2024-03-11"),
     ("close", "2024-03-12 00:00")],
)  # fmt: skip
def test_a_day_is_labelled_by_its_midnight(tmp_path: Path, stamp: str, text: str) -> None:
    found = read_times(tmp_path, [text], schema="ohlcv-1d", tz="America/New_York", stamp=stamp)
    assert found == ["2024-03-11T04:00:00+00:00"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("AAA,2024-01-02 14:31,x,2,1,2,10", "open: 'x' is not a number"),
        ("AAA,2024-01-02 14:31,1,2,1,2,1 000", "volume: '1 000' is not a number"),
        ("AAA,noon,1,2,1,2,10", "ts_event: 'noon' is not a time (ISO 8601"),
        ("AAA,,1,2,1,2,10", "ts_event: it has no value"),
        (",2024-01-02 14:31,1,2,1,2,10", "ticker: it has no value"),
        ("AAA,2024-01-02 14:31,1,2,1", "columns: 5 instead of 7: 'AAA,2024-01-02 14:31,1,2,1'"),
        ("AAA,1789-07-14,1,2,1,2,10", "ts_event: 1789-07-14 is not the time of a bar"),
    ],
)
def test_a_row_that_cannot_be_read_is_rejected_alone_with_its_line(tmp_path: Path, line: str, reason: str) -> None:
    good = "AAA,2024-01-02 14:30,1,2,1,2,10\n"
    text = PLAIN + good + line + "\n" + good.replace("14:30", "14:32")
    ((at, found, _),) = rejected(tmp_path, text)
    assert (at, found[: len(reason)]) == (3, reason)
    assert len(read_csv(tmp_path, text, ColumnMapping("ohlcv-1m"))) == 2


def test_a_file_of_which_most_rows_cannot_be_read_is_refused(tmp_path: Path) -> None:
    text = PLAIN + "AAA,2024-01-02 14:30,1,2,1,2,10\n" + "AAA,noon,1,2,1,2,10\n" * 2
    with pytest.raises(
        BrokenFileError, match=r"own\.csv: 2 of 3 rows cannot be read; the first is row 3: ts_event: 'noon'"
    ):
        read_csv(tmp_path, text, ColumnMapping("ohlcv-1m"))


def test_rows_are_counted_over_all_chunks(tmp_path: Path) -> None:
    lines = [f"AAA,{1704205800 + 60 * at},1,2,1,2,10\n" for at in range(5_000)]
    lines[4_321] = lines[4_321].replace(",2,10", ",two,10")
    lines[17] = "ragged\n"
    file = csv_file(tmp_path, PLAIN + "".join(lines), ColumnMapping("ohlcv-1m", time_unit="s"))
    found = [line.line for one in file.read(chunk_rows=64) for line in one.rejected]
    assert sorted(found) == [19, 4_323]


@pytest.mark.parametrize("number", ["1704205800000", "nan", "1e300"])
def test_a_wrong_unit_is_noticed(tmp_path: Path, number: str) -> None:
    with pytest.raises(BrokenFileError, match=r"1 of 1 rows cannot be read; the first is row 2: ts_event"):
        read_times(tmp_path, [number], time_unit="s")


def test_words_for_nothing_are_null_where_they_are_named(tmp_path: Path) -> None:
    text = PLAIN + "NA,2024-01-02T14:30Z,1,2,1,2,NA\n"
    assert read_csv(tmp_path, text, ColumnMapping("ohlcv-1m", null_values=("", "NA"))).volume.isna().all()
    with pytest.raises(BrokenFileError, match="volume: 'NA' is not a number"):
        read_csv(tmp_path, text, ColumnMapping("ohlcv-1m"))


def test_a_missing_column_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("ticker,Time,open,high,low,close,volume\n")
    with pytest.raises(
        BrokenFileError, match=r"no column 'tme' for ts_event; did you mean 'Time'\?; its columns are 'ticker'"
    ):
        CustomFile(tmp_path / "own.csv", ColumnMapping("ohlcv-1m", columns={"ts_event": "tme"}), "csv")
    with pytest.raises(BrokenFileError, match="no column 'vw' for vwap"):
        CustomFile(tmp_path / "own.csv", ColumnMapping("ohlcv-1m", columns={"ts_event": "Time", "vwap": "vw"}), "csv")
    (tmp_path / "own.csv").write_text("ticker,ts_event,open,open,high,low,close,volume\n")
    with pytest.raises(BrokenFileError, match="'open' occurs 2 times"):
        CustomFile(tmp_path / "own.csv", ColumnMapping("ohlcv-1m"), "csv")


def test_a_byte_order_mark_and_quotes_are_no_part_of_names(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_bytes(
        b'\xef\xbb\xbf"ticker","ts_event",open,high,low,close,volume\r\n"A ""x""",2024-01-02T14:30Z,1,2,1,2,10\r\n'
    )
    assert rows_of(CustomFile(tmp_path / "own.csv", ColumnMapping("ohlcv-1m"), "csv").batches()).ticker.tolist() == [
        'A "x"'
    ]


def test_only_requested_tickers_are_returned(tmp_path: Path) -> None:
    text = PLAIN + "".join(f"{name},2024-01-02T14:30Z,1,2,1,2,{at}\n" for at, name in enumerate("ABAB"))
    assert read_csv(tmp_path, text, ColumnMapping("ohlcv-1m"), tickers=["B"]).volume.tolist() == [1, 3]
    assert read_csv(tmp_path, text, ColumnMapping("ohlcv-1m"), tickers=["C"]).empty


def test_rows_can_be_located(tmp_path: Path) -> None:
    text = PLAIN + "".join(f"{name},2024-01-02T14:3{at}Z,1,2,1,2,10\n" for at, name in enumerate("ABAB"))
    (tmp_path / "own.csv").write_text(text)
    file = CustomFile(tmp_path / "own.csv", ColumnMapping("ohlcv-1m"), "csv")
    at = pd.Timestamp("2024-01-02 14:32Z").value // 1000
    assert file.locate([("A", at), ("B", at), ("B", at + 60_000_000)]) == {("A", at): 4, ("B", at + 60_000_000): 5}
    assert file.locate([]) == {}


def test_gzipped_csv_is_read_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    content = gzip.compress((PLAIN + "AAA,2024-01-02T14:30Z,1,2,1,2,10\n").encode(), compresslevel=0)
    path = tmp_path / "own.csv.gz"
    path.write_bytes(content)
    assert len(rows_of(CustomFile(path, ColumnMapping("ohlcv-1m"), "csv").batches())) == 1
    for length in range(2, len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(BrokenFileError, match=r"own\.csv\.gz"):
            rows_of(CustomFile(path, ColumnMapping("ohlcv-1m"), "csv").batches())


@pytest.mark.parametrize(
    "times",
    [
        pa.array([1704205800_000_000_000], pa.timestamp("ns", "UTC")),
        pa.array([1704205800_000], pa.timestamp("ms", "America/New_York")),
        pa.array([1704205800], pa.timestamp("s")),
        pa.array(["2024-01-02 14:30"], pa.large_string()),
        pa.array(["2024-01-02T14:30Z"]).dictionary_encode(),
    ],
)
def test_parquet_times_of_all_kinds_are_instants(tmp_path: Path, times: pa.Array) -> None:
    table = pa.table({
        "ticker": pa.array(["A"]).dictionary_encode(), "ts_event": times, "open": pa.array([1], pa.int32()),
        "high": pa.array([Decimal("2.50")]), "low": pa.array([1.0], pa.float32()), "close": ["2"],
        "volume": pa.array([7], pa.uint64()),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "own.parquet")
    (row,) = rows_of(CustomFile(tmp_path / "own.parquet", ColumnMapping("ohlcv-1m"), "parquet").batches()).to_dict(
        "records"
    )
    assert row["ts_event"] == pd.Timestamp("2024-01-02 14:30Z")
    assert [row[name] for name in ("ticker", "open", "high", "low", "close", "volume")] == ["A", 1, 2.5, 1, 2, 7]


def test_parquet_dates_are_days_of_the_zone(tmp_path: Path) -> None:
    table = pa.table(
        {"ts_event": [date(2024, 7, 1)], "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0], "volume": [1]}
    )
    pq.write_table(table, tmp_path / "own.parquet")
    mapping = ColumnMapping("ohlcv-1d", ticker="A", tz="America/New_York")
    rows = rows_of(CustomFile(tmp_path / "own.parquet", mapping, "parquet").batches())
    assert rows.ts_event.tolist() == [pd.Timestamp("2024-07-01 04:00Z")]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("ts_event", pa.array([1704205800]), "'ts_event' holds numbers; set time_unit"),
        ("ts_event", pa.array([None], pa.timestamp("us")), "row 1: ts_event: it has no value"),
        ("ticker", pa.array([1.5]), "'ticker' holds double, not text"),
        ("open", pa.array([True]), "'open' holds bool, not numbers"),
    ],
)
def test_parquet_columns_of_the_wrong_kind_are_named(
    tmp_path: Path, column: str, values: pa.Array, message: str
) -> None:
    table = {"ticker": ["A"], "ts_event": pa.array([0], pa.timestamp("us")), "open": [1.0], "high": [1.0],
             "low": [1.0], "close": [1.0], "volume": [1.0]}  # fmt: skip
    pq.write_table(pa.table(table | {column: values}), tmp_path / "own.parquet")
    with pytest.raises(BrokenFileError, match=message):
        rows_of(CustomFile(tmp_path / "own.parquet", ColumnMapping("ohlcv-1m"), "parquet").batches())


def test_a_cut_parquet_file_is_refused(tmp_path: Path) -> None:
    market = SyntheticMarket(["AAA"])
    path = tmp_path / "own.parquet"
    pq.write_table(market.bars("AAA", "2024-01-02", "2024-01-03"), path)
    content = path.read_bytes()
    mapping = ColumnMapping("ohlcv-1m", ticker="AAA")
    assert rows_of(CustomFile(path, mapping, "parquet").batches()).ts_event.is_monotonic_increasing
    for length in (0, 4, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(BrokenFileError, match=r"own\.parquet: cannot be read"):
            CustomFile(path, mapping, "parquet")


def test_a_stored_table_comes_through_unchanged(tmp_path: Path) -> None:
    bars = SyntheticMarket(["AAA"]).bars("AAA", "2024-01-02", "2024-03-28")
    pq.write_table(bars, tmp_path / "own.parquet")
    mapping = ColumnMapping("ohlcv-1m", ticker="AAA")
    batches = list(CustomFile(tmp_path / "own.parquet", mapping, "parquet").batches(chunk_rows=1_000))
    assert max(len(batch) for batch in batches) <= 1_000
    for found in (batches, list(table_batches(bars, mapping))):
        assert pa.Table.from_batches(found).select(bars.column_names).cast(bars.schema).equals(bars)


def test_frames_bring_their_times_as_column_or_index() -> None:
    index = pd.DatetimeIndex(["2024-01-02 09:30", "2024-01-02 09:31"], tz="America/New_York")
    frame = pd.DataFrame({"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 5}, index=index)
    mapping = ColumnMapping("ohlcv-1m", ticker="AAA")
    for one in (frame, frame.rename_axis("ts_event"), frame.rename_axis("ts_event").reset_index()):
        rows = rows_of(table_batches(one, mapping))
        assert rows.ts_event.tolist() == list(index.tz_convert("UTC"))
    with pytest.raises(BrokenFileError, match="the frame: no column 'close'"):
        list(table_batches(frame.drop(columns="close"), mapping, name="the frame"))
    with pytest.raises(InputError, match="frame: was a list"):
        list(table_batches([1], mapping))


def test_a_mapping_file_is_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(
        "schema: ohlcv-1m\nticker: NO\ntz: America/New_York\nstamp: close\ntime_unit: ms\n"
        'delimiter: ";"\nnull_values: ["", NA]\ncolumns:\n  ts_event: 1\n  open: on\n'
    )
    assert read_mapping(path) == ColumnMapping(
        "ohlcv-1m", columns={"ts_event": "1", "open": "on"}, ticker="NO", tz="America/New_York", stamp="close",
        time_unit="ms", delimiter=";", null_values=("", "NA"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema: ohlcv-1m\ncolums: {}\n", r"colums: unknown key; did you mean 'columns'"),
        ("ticker: A\n", "schema: it is missing"),
        ("schema: 1min\n", "schema: .*'1min'"),
        ("schema: ohlcv-1m\ntz: New_York\n", "tz: .*America/New_York"),
        ("schema: ohlcv-1m\nstamp: opens\n", r"stamp: 'opens' is not one of open, close; did you mean 'open'"),
        ("schema: ohlcv-1m\ntime_unit: msec\n", "time_unit: 'msec' is not one of ns, us, ms, s, auto"),
        ("schema: ohlcv-1m\ntime_unit: ms\ntime_format: '%Y'\n", "give one of them"),
        ("schema: ohlcv-1m\nticker: A\ncolumns: {ticker: sym}\n", "not both"),
        ("schema: ohlcv-1m\ncolumns: {opne: o}\n", r"columns.opne: no column of ours; did you mean 'open'"),
        ("schema: ohlcv-1m\ncolumns: {open: o, close: o}\n", "columns: 'o' is named twice"),
        ("schema: ohlcv-1m\ncolumns: [a]\n", "columns: it takes our names and theirs"),
        ("schema: ohlcv-1m\ndelimiter: ab\n", "delimiter: one character"),
        ("schema: ohlcv-1m\nnoise: 1\n", "noise: unknown key.*the keys are schema, ticker, .*encoding"),
        ("schema: ohlcv-1m\ntime_format: '%Y%m%d %Q'\n", "time_format: '%Q' is not a directive; valid are %a"),
        ("schema: ohlcv-1m\ntime_format: '%Y %'\n", "time_format: '%' is not a directive"),
        ("schema: ohlcv-1m\ntime_format: '%H:%M'\n", r"no year, month, day; .*ts_event: \[Date, Time\]"),
        ("schema: ohlcv-1m\ntz: ET\n", "tz: 'ET' is an abbreviation.*use America/New_York"),
        ("schema: ohlcv-1m\ntz: IST\n", "use Asia/Kolkata, Asia/Jerusalem or Europe/Dublin"),
        ("schema: ohlcv-1m\ntz: cet\n", r"use Europe/Berlin, or \+01:00 for a fixed offset"),
        ("schema: ohlcv-1m\nticker_from: '(('\n", "ticker_from: .*use file, folder or a regular expression"),
        ("schema: ohlcv-1m\nticker_from: 'a(?P<name>.)'\n", "ticker_from: .*the group 'name'"),
        ("schema: ohlcv-1m\nticker: A\nticker_from: file\n", "ticker_from: .*give only one"),
        ("schema: ohlcv-1m\nheader: maybe\n", "header: it takes true, false"),
        ("schema: ohlcv-1m\nprice_scale: -1\n", "price_scale: a number above 0"),
        ("schema: ohlcv-1m\ndecimal: ','\nthousands: ','\n", "thousands: .* decimal sign"),
        ("schema: ohlcv-1m\nencoding: utf-9\n", "encoding: 'utf-9' is not known"),
        ("schema: ohlcv-1m\ncolumns: {open: [a, b]}\n", "columns.open: it takes one name"),
        ("schema: [\n", "no YAML"),
        ("- a\n", "keys and values"),
        ("", "keys and values"),
    ],
)
def test_a_mapping_that_cannot_be_right_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"map\\.yaml: .*{message}") as caught:
        read_mapping(tmp_path / "map.yaml")
    assert "no YAML" in message or caught.value.problems


def test_every_key_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(
        "ticker_from: '(?P<ticker>[A-Z]+)_(?P<width>[^.]+)'\n"
        "ticker_case: lower\ntz: '-05:00'\ntime_format: ['%Y%m%d']\n"
        "ambiguous: first\nnonexistent: shift\nvolume: optional\nprice_scale: {ES: 0.01}\ndecimal: ','\n"
        "thousands: .\nheader: false\nskip_lines: 2\nfooter_lines: 1\ncomment: '#'\nencoding: latin-1\n"
        "columns: {ts_event: [1, 2], open: 3, volume: [Up, Down]}\n"
    )
    mapping = read_mapping(path)
    assert mapping.columns == {"ts_event": ("1", "2"), "open": "3", "volume": ("Up", "Down")}
    assert (mapping.header, mapping.skip_lines, mapping.footer_lines, mapping.schema) == (0, 2, 1, "")
    assert (mapping.day_tz, mapping.time_formats, mapping.price_scale) == ("Etc/GMT+5", ("%Y%m%d",), {"ES": 0.01})
    assert mapping.to_request() == read_mapping(path).to_request()
    assert mapping_json_schema()["properties"].keys() == KEYS.keys()


@pytest.mark.parametrize(
    ("rule", "path", "ticker", "schema", "day"),
    [
        ("file", "x/AAPL.csv.gz", "AAPL", None, None),
        ("folder", "x/ticker=AAPL/part-0.csv", "AAPL", None, None),
        (r"(?P<ticker>[A-Z]+)_(?P<width>[^_]+)_", "EURUSD_M1_2024.csv", "EURUSD", "ohlcv-1m", None),
        (r"(?P<ticker>[^_,]+), (?P<width>\w+)\.csv", "NASDAQ_AAPL, 1D.csv", "AAPL", "ohlcv-1d", None),
        (r"(?P<ticker>[A-Z]+)(?P<width>\d+)\.", "XBTUSD60.csv", "XBTUSD", "ohlcv-1h", None),
        (r"/(?P<ticker>\w+)/(?P<date>\d{8})_trade\.zip$", "m/ibm/20240205_trade.zip/a.csv", "ibm", None, "2024-02-05"),
    ],
)  # fmt: skip
def test_names_say_ticker_width_and_date(
    rule: str, path: str, ticker: str, schema: str | None, day: str | None
) -> None:
    facts = name_facts(rule, path)
    assert facts is not None
    assert (facts.ticker, facts.schema, facts.day and facts.day.isoformat()) == (ticker, schema, day)


def test_a_missing_mapping_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read"):
        read_mapping(tmp_path / "none.yaml")


def test_equal_mappings_make_equal_requests() -> None:
    one = ColumnMapping("ohlcv-1m", columns={"open": "open"}, ticker="A")
    two = ColumnMapping("ohlcv-1m", ticker="A")
    assert one.to_request() == two.to_request()
    assert hash(one) == hash(two)
    assert one.to_request() != ColumnMapping("ohlcv-1m", ticker="B").to_request()
    assert "ticker" not in one.to_request()["columns"]


def test_the_example_has_every_key_and_is_shown_where_users_look(tmp_path: Path) -> None:
    every = re.sub(r"^# (?=\w+:)", "", EXAMPLE, flags=re.MULTILINE)
    assert set(yaml.safe_load(every)) == set(KEYS)
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    shown = ((readme, 0), (ingest.command.epilog or "", 2), (Store.ingest.__doc__ or "", 12))
    for page, blanks in shown:
        assert indent(EXAMPLE, " " * blanks) in page
    text = "a\nb\nDate;Time;Open;high;low;close;Up;Down\n#\n03.11.2023;09:30;1.234,5;1.300,0;1.200,0;n/a;1;2\n"
    text += "03.11.2023;09:31;1.234,5;1.300,0;1.200,0;1.250,0;1;2\nend\n"
    rows = read_csv(tmp_path, text, parse_mapping(yaml.safe_load(EXAMPLE)))
    assert rows.iloc[-1][["ticker", "open", "high", "low", "close", "volume"]].tolist() == [
        "AAPL", 12.345, 13.0, 12.0, 12.5, 3.0,
    ]  # fmt: skip
    assert str(rows.iloc[-1]["ts_event"]) == "2023-11-03 13:31:00+00:00"


def test_the_guide_names_every_key_and_preset() -> None:
    text = (Path(__file__).parents[2] / "mtstore/docs/own_data.md").read_text(encoding="utf-8")
    assert [name for name in (*KEYS, *preset_names()) if f"`{name}`" not in text] == []
    assert [name for name in preset_names() if name not in (ingest.command.help or "")] == []


def test_many_ragged_rows_are_numbered_in_one_pass(tmp_path: Path) -> None:
    lines = [f"AAA,{1704205800 + 60 * at},1,2,1,2,10\n" if at % 3 else "ragged\n" for at in range(60_000)]
    file = csv_file(tmp_path, PLAIN + "".join(lines), ColumnMapping("ohlcv-1m", time_unit="s"))
    chunks = list(file.read(chunk_rows=5_000))
    assert [line.line for one in chunks for line in one.rejected] == list(range(2, 60_002, 3))
    rows = [line for one in chunks for line in one.lines.tolist()]
    assert rows == [at + 2 for at in range(60_000) if at % 3]
