"""The mappings of vendors' exports: each reads a small file of its layout, also packed, with a mark and a bad row."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import zstandard

import mtstore
from mtstore.cli.exit_codes import Exit
from mtstore.cli.main import run as run_command
from mtstore.errors import BrokenFileError, InputError
from mtstore.sources.custom.load_presets import load_preset, preset_names
from mtstore.sources.custom.read_file import CustomFile

Row = tuple[str, str, float, float | None]


class Sample(NamedTuple):
    preset: str
    path: str
    text: str
    schema: str
    rows: list[Row]
    tz: str | None = None


NYC, UTC_0930 = "America/New_York", "2024-02-06T14:30:00+00:00"
SAMPLES = [
    Sample(
        "kibot", "XOM.txt", "02/06/2024,09:30,10,12,9,11,500\n07/08/2024,09:30,20,22,19,21,600\n", "ohlcv-1m",
        [("XOM", UTC_0930, 11, 500), ("XOM", "2024-07-08T13:30:00+00:00", 21, 600)],
    ),
    Sample(
        "kibot", "XOM.txt", "02/06/2024,10,12,9,11,500\n", "ohlcv-1d",
        [("XOM", "2024-02-06T05:00:00+00:00", 11, 500)],
    ),
    Sample(
        "histdata", "DAT_ASCII_GBPUSD_M1_2024.csv", "20240708 000000;1.2;1.3;1.1;1.25;0\n", "ohlcv-1m",
        [("GBPUSD", "2024-07-08T05:00:00+00:00", 1.25, 0)],
    ),
    Sample(
        "stooq", "xom.us.txt",
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        "XOM.US,5,20240206,153000,10,12,9,11,500.5,0\n",
        "ohlcv-5m", [("XOM.US", UTC_0930, 11, 500.5)],
    ),
    Sample(
        "metatrader5", "GBPUSD_M1_202402060000_202402060001.csv",
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
        "2024.02.06\t00:00:00\t1.2\t1.3\t1.1\t1.25\t70\t0\t2\n",
        "ohlcv-1m", [("GBPUSD", "2024-02-05T22:00:00+00:00", 1.25, 70)], "Europe/Athens",
    ),
    Sample(
        "metatrader4", "GBPUSD60.csv", "2024.02.06,01:00,1.2,1.3,1.1,1.25,70\n", "ohlcv-1h",
        [("GBPUSD", "2024-02-05T23:00:00+00:00", 1.25, 70)], "Europe/Athens",
    ),
    Sample(
        "binance", "ETHUSDT-1m-2024-02-06.csv", "1707177600000,10,12,9,11,5.5,1707177659999,60,7,3,33,0\n", "ohlcv-1m",
        [("ETHUSDT", "2024-02-06T00:00:00+00:00", 11, 5.5)],
    ),
    Sample(
        "binance", "ETHUSDT-1m-2025-02-06.csv", "1738800000000000,10,12,9,11,5.5,1738800059999999,60,7,3,33,0\n",
        "ohlcv-1m", [("ETHUSDT", "2025-02-06T00:00:00+00:00", 11, 5.5)],
    ),
    Sample(
        "yahoo", "XOM.csv",
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-02-06,10,12,9,11,8,500\n"
        "2024-02-07,null,null,null,null,null,null\n",
        "ohlcv-1d", [("XOM", "2024-02-06T05:00:00+00:00", 11, 500)],
    ),
    Sample(
        "yfinance", "both.csv",
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\nTicker,XOM,CVX,XOM,CVX,XOM,CVX,XOM,CVX,XOM,CVX\n"
        "Date,,,,,,,,,,\n2024-02-06,11,21,12,22,9,19,10,20,500,600\n2024-02-07,12,,13,,10,,11,,700,\n",
        "ohlcv-1d",
        [
            ("CVX", "2024-02-06T05:00:00+00:00", 21, 600),
            ("XOM", "2024-02-06T05:00:00+00:00", 11, 500),
            ("XOM", "2024-02-07T05:00:00+00:00", 12, 700),
        ],
    ),
    Sample(
        "yfinance", "BMW.DE.csv",
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n2024-02-06 00:00:00+01:00,10,12,9,11,500,0.0,0.0\n",
        "ohlcv-1d", [("BMW.DE", "2024-02-06T05:00:00+00:00", 11, 500)],
    ),
    Sample(
        "ninjatrader", "NQ 03-24.Last.txt", "20240206 143100;10;12;9;11;500\n", "ohlcv-1m",
        [("NQ 03-24", UTC_0930, 11, 500)],
    ),
    Sample(
        "ninjatrader", "NQ 03-24.Last.txt", "20240206;10;12;9;11;500\n", "ohlcv-1d",
        [("NQ 03-24", "2024-02-06T00:00:00+00:00", 11, 500)],
    ),
    Sample(
        "tradingview", "NYSE_XOM, 1.csv", "time,open,high,low,close,Volume,Plot,Plot\n1707229800,10,12,9,11,500,1,2\n",
        "ohlcv-1m", [("XOM", UTC_0930, 11, 500)],
    ),
    Sample(
        "tradingview", "TVC_VIX, 1D.csv", "time,open,high,low,close\n2024-02-06T09:30:00-05:00,10,12,9,11\n",
        "ohlcv-1d", [("VIX", "2024-02-06T05:00:00+00:00", 11, None)],
    ),
    Sample(
        "ibkr", "XOM.csv",
        "date,open,high,low,close,volume,average,barCount\n20240206  09:30:00 US/Eastern,10,12,9,11,500,10.5,7\n"
        "20240206 09:31:00 US/Eastern,10,12,9,11,-1,10.5,7\n",
        "ohlcv-1m", [("XOM", UTC_0930, 11, 500), ("XOM", "2024-02-06T14:31:00+00:00", 11, None)],
    ),
    Sample(
        "lean", "equity/usa/minute/xom/20240206_trade.csv", "34200000,100000,120000,90000,110000,500\n", "ohlcv-1m",
        [("XOM", UTC_0930, 11, 500)],
    ),
    Sample(
        "lean", "equity/usa/daily/xom.csv", "20240206 00:00,100000,120000,90000,110000,500\n", "ohlcv-1d",
        [("XOM", "2024-02-06T05:00:00+00:00", 11, 500)],
    ),
    Sample(
        "dukascopy", "GBPUSD_Candlestick_1_M_BID_06.02.2024-06.02.2024.csv",
        "Gmt time,Open,High,Low,Close,Volume\n06.02.2024 14:30:00.000,1.2,1.3,1.1,1.25,63.5\n", "ohlcv-1m",
        [("GBPUSD", UTC_0930, 1.25, 63.5)],
    ),
    Sample(
        "dukascopy", "GBPUSD_Candlestick_1_Hour_BID_06.02.2024-06.02.2024.csv",
        "Gmt time,Open,High,Low,Close,Volume\n06.02.2024 14:00:00.000,1.2,1.3,1.1,1.25,63.5\n", "ohlcv-1h",
        [("GBPUSD", "2024-02-06T14:00:00+00:00", 1.25, 63.5)],
    ),
    Sample(
        "tradestation", "@ES.txt",
        '"Date","Time","Open","High","Low","Close","Up","Down"\n02/05/2024,24:00,10,12,9,11,300,200\n', "ohlcv-1m",
        [("@ES", "2024-02-06T04:59:00+00:00", 11, 500)], NYC,
    ),
    Sample(
        "kraken", "ETHUSD_5.csv", "1707229800,10,12,9,11,5.5,7\n", "ohlcv-5m", [("ETHUSD", UTC_0930, 11, 5.5)],
    ),
    Sample(
        "cryptodatadownload", "Gemini_ETHUSD_1h.csv",
        "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume ETH,Volume USD\n"
        "1707228000000,2024-02-06 14:00:00,ETH/USD,10,12,9,11,5.5,60\n",
        "ohlcv-1h", [("ETH/USD", "2024-02-06T14:00:00+00:00", 11, 5.5)],
    ),
    Sample(
        "alphavantage", "XOM.csv", "timestamp,open,high,low,close,volume\n2024-02-06 09:30:00,10,12,9,11,500\n",
        "ohlcv-1m", [("XOM", UTC_0930, 11, 500)],
    ),
    Sample(
        "firstratedata", "XOM_1min.txt", "2024-02-06 09:30:00,10,12,9,11,500\n", "ohlcv-1m",
        [("XOM", UTC_0930, 11, 500)],
    ),
    Sample(
        "databento", "xnas.csv",
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"
        "1707229800000000000,33,2,5,10000000000,12000000000,9000000000,11000000000,500,XOM\n",
        "ohlcv-1m", [("XOM", UTC_0930, 11, 500)],
    ),
]  # fmt: skip
IDS = [f"{one.preset}-{Path(one.path).name}-{one.schema}" for one in SAMPLES]


def write(folder: Path, sample: Sample, content: bytes | None = None, name: str | None = None) -> Path:
    path = folder / (name or sample.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sample.text.encode() if content is None else content)
    return path


def read(path: Path, sample: Sample) -> tuple[str, list[Row], int]:
    schema = "ohlcv-1m" if sample.preset == "databento" else None
    file = CustomFile(path, load_preset(sample.preset).mapping_of(path, tz=sample.tz, schema=schema), "csv")
    rows: list[Row] = []
    rejected = 0
    for found in file.read():
        rejected += len(found.rejected)
        for row in found.batch.to_pylist():
            rows.append((row["ticker"], row["ts_event"].isoformat(), row["close"], row["volume"]))
    return file.schema, sorted(rows), rejected


def expected(sample: Sample) -> list[Any]:
    return [(ticker, at, pytest.approx(close), volume) for ticker, at, close, volume in sample.rows]


def test_every_preset_has_a_sample() -> None:
    assert {one.preset for one in SAMPLES} == set(preset_names())


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
def test_a_preset_reads_its_layout(tmp_path: Path, sample: Sample) -> None:
    assert read(write(tmp_path, sample), sample) == (sample.schema, expected(sample), 0)


PACKINGS = {
    "byte-order mark": lambda text: b"\xef\xbb\xbf" + text,
    "CRLF": lambda text: text.replace(b"\n", b"\r\n"),
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
def test_packed_and_marked_files_read_the_same(tmp_path: Path, sample: Sample, packing: str) -> None:
    name = f"{sample.path}.{packing}" if packing in ("gz", "bz2", "xz", "zst") else sample.path
    path = write(tmp_path, sample, PACKINGS[packing](sample.text.encode()), name)
    assert read(path, sample) == (sample.schema, expected(sample), 0)


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
def test_a_zip_file_reads_as_its_member(tmp_path: Path, sample: Sample) -> None:
    path = tmp_path / Path(sample.path).with_suffix(".zip")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(Path(sample.path).name, sample.text)
    assert read(path, sample) == (sample.schema, expected(sample), 0)


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
def test_a_bad_row_is_rejected_alone(tmp_path: Path, sample: Sample) -> None:
    last = next(line for line in reversed(sample.text.splitlines()) if "1" in line)
    path = write(tmp_path, sample, f"{sample.text}{last.replace('1', 'x')}\n".encode())
    schema, rows, rejected = read(path, sample)
    assert (schema, rows) == (sample.schema, expected(sample))
    assert rejected >= 1


@pytest.mark.parametrize("name", [name for name in preset_names() if load_preset(name).needs])
def test_what_files_cannot_show_is_required(tmp_path: Path, name: str) -> None:
    sample = next(one for one in SAMPLES if one.preset == name)
    path = write(tmp_path, sample)
    with pytest.raises(InputError, match=f"{load_preset(name).needs[0]}: files of {name} do not show it"):
        load_preset(name).mapping_of(path)


def test_a_file_of_another_vendor_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, SAMPLES[0])
    with pytest.raises(BrokenFileError, match=r"XOM.txt: its first line is not that of an export of yahoo: '02/06"):
        load_preset("yahoo").mapping_of(path)


def test_a_preset_from_the_command_line_and_from_python(tmp_path: Path) -> None:
    sample = SAMPLES[0]
    folder = tmp_path / "files"
    write(folder, sample)
    write(folder, sample, name="CVX.txt")
    store = str(tmp_path / "store")
    assert run_command(["ingest", store, "--create", "-q", str(folder), "--format", "kibot"]) == Exit.OK
    with mtstore.open(store) as opened:
        assert [row[0] for row in opened.sql("SELECT ticker FROM tickers ORDER BY ALL").fetchall()] == ["CVX", "XOM"]
    with mtstore.open(tmp_path / "other", create=True) as opened:
        assert opened.ingest(folder, format="kibot").rows == 4
        with pytest.raises(InputError, match="format: was 'kibbot'; did you mean 'kibot'"):
            opened.ingest(folder, format="kibbot")
