"""`mtstore.sniff`: what it proposes for files, and that these are read as it shows."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mtstore
from mtstore.errors import BrokenFileError, ConfigError, InputError
from mtstore.ingest.sniff.draft import Draft
from mtstore.ingest.sniff.layouts import FileGroup, divide_files
from mtstore.ingest.sniff.propose import propose
from mtstore.sources.custom.mapping.parse_mapping import parse_mapping, read_mapping_text
from mtstore.sources.custom.read_file import CustomFile
from tests.sources.test_presets import SAMPLES, Sample

NEW_YORK = ZoneInfo("America/New_York")


def minutes(
    zone="America/New_York", days=("2024-02-05", "2024-07-08"), *, bars=390, opens="09:30", at=NEW_YORK, late=0
):
    """Return times of sessions, as their wall times in `zone`."""
    found = []
    for day in days:
        first = dt.datetime.fromisoformat(f"{day}T{opens}").replace(tzinfo=at)
        found += [first + dt.timedelta(minutes=number + late) for number in range(bars)]
    return [one.astimezone(ZoneInfo(zone)) for one in found]


def write(path: Path, times, style="%Y-%m-%d %H:%M:%S", header="Date,Open,High,Low,Close,Volume\n", delimiter=","):
    """Write bars of 10, 12, 9, 11, 500."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [delimiter.join([one.strftime(style), "10.5", "12", "9.25", "11", "500"]) for one in times]
    path.write_text(header.replace(",", delimiter) + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def draft_of(*paths: Path, **given: str) -> Draft:
    """Return the proposal for files of one layout."""
    (group,) = divide_files(paths).groups
    return propose(group, given)


def read_as(draft: Draft, path: Path, **chosen: str) -> list[dict[str, Any]]:
    """Return the rows of a file by the proposed YAML, with values for what it leaves open."""
    text = draft.to_yaml()
    for key, value in chosen.items():
        assert f"{key}: CHOOSE" in text
        text = text.replace(f"{key}: CHOOSE", f"{key}: {value}")
    mapping = read_mapping_text(text.encode(), "proposed.yaml")
    file = CustomFile(path, mapping, "parquet" if path.suffix == ".parquet" else "csv")
    return [row for part in file.read() for row in part.batch.to_pylist()]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.preset}-{sample.path}")
def test_exports_of_vendors_are_recognised_and_read_by_the_proposal(tmp_path, sample: Sample):
    path = tmp_path / sample.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("bars.csv", sample.text)
    else:
        path.write_text(sample.text, encoding="utf-8")
    draft = draft_of(path)
    chosen = {key: str((sample.tz if key == "tz" else None) or values[0]) for key, values in draft.choices.items()}
    rows = sorted(read_as(draft, path, **chosen), key=lambda row: (str(row["ts_event"]), str(row["ticker"])))
    found = [(row["ticker"], row["ts_event"].isoformat(), row["close"], row["volume"]) for row in rows]
    if "schema" not in draft.choices and "tz" not in draft.choices:
        assert draft.preset == sample.preset
    assert found == sorted(sample.rows, key=lambda row: (row[1], row[0]))


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "America/Chicago", "Europe/Berlin"])
def test_zone_is_that_in_which_rows_begin_and_end_with_the_sessions(tmp_path, zone):
    draft = draft_of(write(tmp_path / "AAPL.csv", minutes(zone)))
    assert (draft.tree["tz"], draft.tree["stamp"]) == (zone, "open")
    assert draft.tree["schema"] == "ohlcv-1m"


@pytest.mark.parametrize("zone", ["Europe/Athens", "UTC", "America/New_York"])
def test_zone_of_currencies_is_that_of_their_weekends(tmp_path, zone):
    friday = minutes(zone, days=("2024-02-09",), bars=300, opens="12:00")
    sunday = minutes(zone, days=("2024-02-11",), bars=1_200, opens="17:00")
    draft = draft_of(write(tmp_path / "EURUSD.csv", friday + sunday))
    assert draft.tree["tz"] == zone
    assert draft_of(write(tmp_path / "EURUSD.csv", sunday)).tree["tz"] == "CHOOSE"


@pytest.mark.parametrize(("zone", "step"), [("Europe/London", 1), ("America/Los_Angeles", 30), ("Asia/Kolkata", 60)])
def test_zone_that_fits_all_the_year_is_taken(tmp_path, zone, step):
    # In winter the clocks of London and UTC agree, in March those of New York and Berlin change on different days.
    days = [f"2024-{month:02}-{day:02}" for month in (1, 3, 7, 11) for day in (4, 5, 12, 13)]
    draft = draft_of(write(tmp_path / "AAPL.csv", minutes(zone, days)[::step]))
    assert (draft.tree["tz"], draft.tree["stamp"]) == (zone, "open")


def test_zone_that_fits_half_of_the_year_is_not_taken(tmp_path):
    wall = minutes(days=("2024-01-04",)) + minutes("America/Los_Angeles", days=("2024-07-05",))
    assert draft_of(write(tmp_path / "AAPL.csv", wall)).tree["tz"] == "CHOOSE"


def test_zones_with_the_same_clock_in_the_rows_are_named(tmp_path):
    draft = draft_of(write(tmp_path / "AAPL.csv", minutes("UTC", days=("2024-02-05",))))
    assert draft.tree["tz"] == "UTC"
    assert "tz: Europe/London has the same clock in these rows" in draft.doubts


def test_zone_of_crypto_is_left_open(tmp_path):
    assert draft_of(write(tmp_path / "BTCUSDT.csv", minutes("UTC"))).tree["tz"] == "CHOOSE"


def test_zone_of_another_exchange_is_found(tmp_path):
    berlin = minutes("Europe/Berlin", bars=510, opens="09:00", at=ZoneInfo("Europe/Berlin"))
    assert draft_of(write(tmp_path / "SAP.DE.csv", berlin)).tree["tz"] == "Europe/Berlin"


def test_stamps_at_the_close_are_found(tmp_path):
    draft = draft_of(write(tmp_path / "AAPL.csv", minutes(late=1)))
    assert (draft.tree["tz"], draft.tree["stamp"]) == ("America/New_York", "close")


def test_zone_of_rows_at_all_hours_is_left_open_and_refused(tmp_path):
    times = minutes(bars=1_440, opens="00:00")
    result = mtstore.sniff(write(tmp_path / "AAPL.csv", times))
    assert "UTC" in result.choices["tz"]
    assert "tz: CHOOSE" in result.yaml
    with pytest.raises(ConfigError, match="tz: it is not chosen yet"):
        _ = result.mapping
    assert mtstore.sniff(tmp_path / "AAPL.csv", tz="UTC").mapping.tz == "UTC"


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (("2024-02-05", "2024-02-06"), "CHOOSE"),
        (("2024-02-05", "2024-02-13"), "%d/%m/%Y %H:%M"),
    ],
)
def test_order_of_day_and_month_is_chosen_only_with_proof(tmp_path, days, expected):
    times = minutes(days=days, bars=1)
    draft = draft_of(write(tmp_path / "AAPL.csv", times, style="%d/%m/%Y %H:%M"))
    assert draft.tree["time_format"] == expected
    if expected == "CHOOSE":
        assert sorted(draft.choices["time_format"]) == ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]


def test_order_of_day_and_month_is_proved_by_another_file(tmp_path):
    one = write(tmp_path / "AAPL.csv", minutes(days=("2024-02-05",), bars=30), style="%d/%m/%Y %H:%M")
    two = write(tmp_path / "MSFT.csv", minutes(days=("2024-02-13",), bars=3), style="%d/%m/%Y %H:%M")
    assert draft_of(one, two).tree["time_format"] == "%d/%m/%Y %H:%M"


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M"),
        ("%Y%m%d %H%M%S", "%Y%m%d %H%M%S"),
        ("%b %d, %Y %I:%M %p", "%b %d, %Y %I:%M %p"),
        ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S"),
        ("%d-%b-%y %H:%M", "%d-%b-%y %H:%M"),
        ("%Y-%m-%dT%H:%M:%S", None),
    ],
)
def test_formats_of_times_are_found(tmp_path, style, expected):
    times = minutes()
    path = write(tmp_path / "AAPL.csv", times, style=style, delimiter=";")
    draft = draft_of(path)
    assert draft.tree.get("time_format") == expected
    assert [row["ts_event"] for row in read_as(draft, path)] == times


def test_european_numbers_german_names_and_latin1_are_read(tmp_path):
    path = tmp_path / "SAP.DE.csv"
    text = "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen\n" + "".join(
        f"06.11.2023 09:{minute:02};1.234,50;1.240,00;1.230,25;1.238,75;12.345\n" for minute in range(5)
    )
    path.write_bytes(text.encode("latin-1"))
    draft = draft_of(path)
    assert (draft.tree["decimal"], draft.tree["thousands"], draft.tree["delimiter"]) == (",", ".", ";")
    first = read_as(draft, path)[0]
    assert (first["open"], first["low"], first["volume"]) == (1234.5, 1230.25, 12345)
    assert first["ts_event"] == dt.datetime(2023, 11, 6, 8, tzinfo=dt.UTC)


def test_a_number_that_fits_two_signs_is_left_open(tmp_path):
    path = tmp_path / "AAPL.csv"
    path.write_text(
        'Date;Open;High;Low;Close\n2023-11-06;"1,234";"1,240";"1,230";"1,238"\n2023-11-07;"1,234";"1,240";"1,230";"1,238"\n',
        encoding="utf-8",
    )
    draft = draft_of(path)
    assert draft.tree["thousands"] == "CHOOSE"
    assert "decimal" in draft.notes["thousands"]


def test_columns_without_a_header_are_found_by_their_values(tmp_path):
    path = tmp_path / "AAPL.txt"
    rows = [f"{one:%Y-%m-%d;%H:%M};10;12;9;11;500;{one.minute + 1}" for one in minutes(bars=20)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    draft = draft_of(path)
    assert draft.tree["columns"] == {"ts_event": [1, 2], "open": 3, "high": 4, "low": 5, "close": 6, "volume": 7}
    assert any("not read" in doubt for doubt in draft.doubts)


def test_columns_of_unknown_names_are_found_by_their_values(tmp_path):
    header = "Fecha,Apertura,Cierre,Máximo,Mínimo,Negociado\n"
    path = tmp_path / "AAPL.csv"
    path.write_text(header + "2024-02-05 09:30,10,11,12,9,500\n2024-02-05 09:31,11,10,13,9,400\n", encoding="utf-8")
    draft = draft_of(path)
    assert draft.tree["columns"] == {
        "ts_event": "Fecha", "open": "Apertura", "high": "Máximo", "low": "Mínimo", "close": "Cierre",
        "volume": "Negociado",
    }  # fmt: skip
    assert any("names are not known" in doubt for doubt in draft.doubts)


def test_lines_around_the_table_are_skipped(tmp_path):
    path = write(tmp_path / "AAPL.csv", minutes(bars=10))
    path.write_text(f"exported by hand\n\n{path.read_text()}end of the export\n", encoding="utf-8")
    draft = draft_of(path)
    assert (draft.tree["skip_lines"], draft.tree["footer_lines"]) == (2, 1)
    assert len(read_as(draft, path)) == 20


def test_parquet_files_are_proposed_by_names_and_types(tmp_path):
    times = [one.astimezone(dt.UTC) for one in minutes(bars=5)]
    columns = {name: [10.0] * len(times) for name in ("O", "H", "L", "C", "Vol")}
    table = pa.table({"Timestamp": pa.array(times, pa.timestamp("us", "UTC")), "Symbol": ["T"] * len(times), **columns})
    path = tmp_path / "bars.parquet"
    pq.write_table(table, path)
    draft = draft_of(path)
    assert draft.tree["columns"]["ticker"] == "Symbol"
    assert "tz" not in draft.tree
    assert [row["ts_event"] for row in read_as(draft, path)] == times


@pytest.mark.parametrize(
    ("name", "ticker", "schema"),
    [
        ("MSFT_5min.csv", "MSFT", "ohlcv-5m"),
        ("BRK.B.csv", "BRK.B", "ohlcv-1m"),
        ("TSLA-2024-02.csv", "TSLA", "ohlcv-1m"),
        ("ticker=NVDA/part-0.csv", "NVDA", "ohlcv-1m"),
        ("msft 5 Minutes 2024.csv", "MSFT", "ohlcv-5m"),
        ("1301.csv", "1301", "ohlcv-1m"),
    ],
)
def test_ticker_and_width_are_taken_from_the_name(tmp_path, name, ticker, schema):
    step = 5 if schema == "ohlcv-5m" else 1
    path = write(tmp_path / name, minutes()[::step])
    draft = draft_of(path, tz="America/New_York")
    row = read_as(draft, path)[0]
    mapping = parse_mapping(draft.tree)
    assert row["ticker"] == ticker
    assert CustomFile(path, mapping, "csv").schema == schema


@pytest.mark.parametrize("name", ["data.csv", "2023-11-06.csv", "2023.csv", "11-2023.csv"])
def test_ticker_that_no_name_shows_is_left_open(tmp_path, name):
    draft = draft_of(write(tmp_path / name, minutes(bars=3)))
    assert draft.tree["ticker"] == "CHOOSE"


def test_ticker_as_given_is_taken(tmp_path):
    write(tmp_path / "data.csv", minutes(bars=3))
    assert draft_of(tmp_path / "data.csv", ticker="AAPL").tree["ticker"] == "AAPL"


def test_files_are_grouped_by_layout_and_by_width(tmp_path):
    for ticker in ("AAPL", "MSFT", "A"):
        write(tmp_path / "minute" / f"{ticker}.csv", minutes(bars=30))
        write(tmp_path / "daily" / f"{ticker}.csv", minutes(bars=1, opens="00:00"))
        write(tmp_path / "other" / f"{ticker}.csv", minutes(bars=30), delimiter=";")
    write(tmp_path / "minute" / "IPO.csv", minutes(bars=2))
    files = sorted(tmp_path.rglob("*.csv"))
    found = {group.files[0].parent.name: len(group.files) for group in divide_files(files).groups}
    assert found == {"daily": 3, "minute": 4, "other": 3}


def test_saved_proposal_stores_the_rows_that_were_shown(tmp_path):
    folder = tmp_path / "mine"
    for ticker in ("AAPL", "MSFT"):
        write(folder / f"{ticker}.csv", minutes(bars=30))
    bad = folder / "TSLA.csv"
    write(bad, minutes(bars=5))
    bad.write_text(bad.read_text() + "2024-07-08 10:00:00,10,1,9,11,500\n", encoding="utf-8")
    (folder / "notes.txt").write_text("Bought these, from a friend\n", encoding="utf-8")
    result = mtstore.sniff(folder)
    (layout,) = result.layouts
    assert [path.name for path in result.others] == ["notes.txt"]
    assert layout.preview.result.rows == 130
    assert "Of 3 files: 130 bars, 1 row to be quarantined" in str(result)
    saved = tmp_path / "mine.yaml"
    saved.write_text(str(result), encoding="utf-8")
    with mtstore.open(tmp_path / "store", create=True) as store:
        report = store.ingest_files(folder, mapping=saved)
        stored = store.sql("FROM bars ORDER BY ts_event, ticker LIMIT 3").to_arrow().to_pylist()
    assert (report.rows, report.quarantined_rows) == (130, 1)
    shown = [{name: value for name, value in row.items() if name != "local"} for row in result.layouts[0].rows]
    assert shown == [{name: row[name] for name in shown[0]} for row in stored]
    assert result.layouts[0].rows[0]["local"] == "2024-02-05 09:30:00 EST"


def test_of_large_files_the_first_lines_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr("mtstore.ingest.sniff.preview.MOST_BYTES", 5_000)
    monkeypatch.setattr("mtstore.ingest.sniff.preview._HEAD_LINES", 101)
    path = write(tmp_path / "ticker=AAPL" / "part.csv", minutes())
    result = mtstore.sniff(path)
    assert "Of the first lines of 1 file: 100 bars" in str(result)
    assert [row["ticker"] for row in result.layouts[0].rows] == ["AAPL"] * 3


def test_several_layouts_have_a_mapping_each(tmp_path):
    write(tmp_path / "a" / "AAPL.csv", minutes(bars=30))
    write(tmp_path / "b" / "MSFT.csv", minutes(bars=30), delimiter=";")
    result = mtstore.sniff([tmp_path / "a", tmp_path / "b"])
    assert [layout.mapping.delimiter for layout in result.layouts] == [",", ";"]
    with pytest.raises(InputError, match="2 layouts"):
        _ = result.mapping


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\x00\x93\x01\xff" * 200, "unknown format"),
        (b"# Title\n\nBars, mostly.\n", "not a table of bars"),
        (b"Date,Open,High,Low,Close\n", "a header line but no rows"),
        (b"PK\x03\x04 and no archive", "unknown format"),
        (b"name,price,size\nfoo,1,2\nbar,3,4\n", "no column has times"),
        (b"time,open,high\n09:30,1,2\n09:31,1,2\n", "no column has times with a date; for a date in the file's name"),
        (b"time,T_open,T_close,X_open,X_close\n2024-02-05 09:30,1,2,3,4\n", "several tickers side by side"),
        (b"time,open,open,close,close\n2024-02-05 09:30,1,2,3,4\n", "several tickers side by side"),
        (b"date,bid,ask\n2024-02-05,1,2\n2024-02-06,3,4\n", "no column for open, high, low, close"),
    ],
)
def test_files_without_bars_are_refused_with_the_reason(tmp_path, content, message):
    path = tmp_path / "AAPL.csv"
    path.write_bytes(content)
    with pytest.raises(mtstore.errors.IngestError, match=message):
        mtstore.sniff(path)


def test_date_beside_a_clock_of_another_name_is_joined(tmp_path):
    times = minutes(bars=5)
    path = write(tmp_path / "AAPL.csv", times, "%Y%m%d,%H:%M", "Date,Start,Open,High,Low,Close,Volume\n")
    draft = draft_of(path)
    assert draft.tree["columns"]["ts_event"] == ["Date", "Start"]
    assert [row["ts_event"] for row in read_as(draft, path)] == times


def test_one_row_shows_neither_zone_nor_width(tmp_path):
    draft = draft_of(write(tmp_path / "AAPL.csv", minutes(days=("2024-02-05",), bars=1)))
    assert (draft.tree["schema"], draft.tree["tz"]) == ("CHOOSE", "CHOOSE")


def test_archive_with_a_damaged_member_is_refused(tmp_path):
    path = tmp_path / "AAPL.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("AAPL.csv", "2024-02-05 09:30,10,12,9,11,500\n")
    path.write_bytes(path.read_bytes().replace(b"AAPL.csv", b"AAPL.xsv", 1))
    with pytest.raises(mtstore.errors.IngestError):
        mtstore.sniff(path)


def test_folder_without_bars_is_refused_with_the_reasons(tmp_path):
    (tmp_path / "one.txt").write_text("# One\n\nText.\n", encoding="utf-8")
    (tmp_path / "two.csv").write_text("name,price,size\nfoo,1,2\n", encoding="utf-8")
    with pytest.raises(BrokenFileError, match="none of 2 files is a table of bars"):
        mtstore.sniff(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        mtstore.sniff(tmp_path / "missing")


def test_group_is_measured_by_its_largest_file(tmp_path):
    short = write(tmp_path / "A.csv", minutes(bars=1))
    full = write(tmp_path / "MSFT.csv", minutes())
    draft = propose(FileGroup("csv", [full, short]), {})
    assert (draft.tree["schema"], draft.tree["tz"]) == ("ohlcv-1m", "America/New_York")
