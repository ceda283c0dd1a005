"""DBN files against Databento's own client (`DBNStore.to_df`), and against records made by hand."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import databento
import databento_dbn
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import zstandard

from mtstore.bars import BAR_SCHEMAS
from mtstore.errors import BrokenFileError, IngestError, UnrecognisedFileError, UnsupportedSchemaError
from mtstore.ranges import TimeRange
from mtstore.sources.batch_schema import batch_schema
from mtstore.sources.databento.dbn_file import DbnFile
from mtstore.synthetic import DbnOptions, Faults, SyntheticMarket, write_dbn

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "dbn_samples"
DAY_NS = 86_400_000_000_000
START_NS = 19_800 * DAY_NS  # 2024-03-18
MINUTE_NS = 60_000_000_000


def samples(*, supported: bool) -> list[Any]:
    index = SAMPLES / "index.csv"
    if not index.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"the vendor's samples are not at {SAMPLES}"))]
    with index.open() as lines:
        rows = [row for row in csv.DictReader(lines) if (row["schema"] in BAR_SCHEMAS) is supported]
    assert rows
    return [pytest.param(SAMPLES / row["file"], id=row["file"]) for row in rows]


def read(file: DbnFile, **options: Any) -> pd.DataFrame:
    batches = list(file.batches(**options))
    assert all(batch.schema.equals(batch_schema()) for batch in batches)
    found: pd.DataFrame = pa.Table.from_batches(batches, schema=batch_schema()).to_pandas()
    return found


def read_with_the_client(path: Path) -> pd.DataFrame:
    store = databento.DBNStore.from_file(path)
    try:
        rows = store.to_df().reset_index()
    finally:
        store.reader.close()
    return rows


def assert_same_as_the_client(path: Path, **options: Any) -> pd.DataFrame:
    ours, theirs = read(DbnFile(path), **options), read_with_the_client(path)
    assert len(ours) == len(theirs)
    assert ours.vwap.isna().all()
    assert ours.transactions.isna().all()
    if len(theirs):
        assert ours.ticker.tolist() == theirs.symbol.tolist()
        assert (ours.ts_event == theirs.ts_event).all()
        assert ours.publisher_id.tolist() == theirs.publisher_id.tolist()
        for name in ("open", "high", "low", "close", "volume"):
            np.testing.assert_array_equal(ours[name], theirs[name].astype(float), err_msg=name)
    return ours


@dataclass
class Interval:
    start_date: date
    end_date: date
    symbol: str


@dataclass
class Mapping:
    raw_symbol: str
    intervals: Sequence[Interval]


def bar(number: int, instrument_id: int, *, publisher_id: int = 1, rtype: int = 33, open_: int = 10) -> bytes:
    return bytes(
        databento_dbn.OHLCVMsg(
            rtype=rtype, publisher_id=publisher_id, instrument_id=instrument_id,
            ts_event=START_NS + number * MINUTE_NS, open=open_ * 10**9, high=12 * 10**9, low=9 * 10**9,
            close=11 * 10**9, volume=100 + number,
        )
    )  # fmt: skip


def mapped(symbol: str, *pieces: tuple[str, str, str]) -> Mapping:
    return Mapping(symbol, [Interval(date.fromisoformat(a), date.fromisoformat(b), out) for a, b, out in pieces])


def write(path: Path, records: Iterable[bytes], mappings: Sequence[Mapping], **changes: Any) -> Path:
    settings: dict[str, Any] = {
        "dataset": "XNAS.ITCH", "start": START_NS, "end": START_NS + 2 * DAY_NS,
        "stype_in": databento_dbn.SType.RAW_SYMBOL, "stype_out": databento_dbn.SType.INSTRUMENT_ID,
        "schema": databento_dbn.Schema.OHLCV_1M, "symbols": [one.raw_symbol for one in mappings],
        "partial": [], "not_found": [], "mappings": mappings, "version": 3,
    }  # fmt: skip
    path.write_bytes(bytes(databento_dbn.Metadata(**(settings | changes))) + b"".join(records))
    return path


ONE = (mapped("AAA", ("2024-03-18", "2024-03-20", "7")),)


@pytest.mark.parametrize("path", samples(supported=True))
def test_genuine_bars_are_read_as_the_client_reads_them(path: Path) -> None:
    assert_same_as_the_client(path)
    assert_same_as_the_client(path, chunk_rows=1)
    file = DbnFile(path)
    store = databento.DBNStore.from_file(path)
    assert (file.dataset, file.schema, file.symbols) == (store.dataset, str(store.schema), tuple(store.symbols))
    assert file.version == store.metadata.version
    store.reader.close()


@pytest.mark.parametrize("path", samples(supported=False))
def test_genuine_files_of_other_schemas_are_refused_by_name(path: Path) -> None:
    store = databento.DBNStore.from_file(path)
    with pytest.raises(UnsupportedSchemaError, match=f"'{store.schema}'.*ohlcv-1s, ohlcv-1m, ohlcv-1h, ohlcv-1d"):
        DbnFile(path)
    store.reader.close()


@pytest.mark.parametrize("name", ["market.dbn", "market.dbn.zst"])
def test_100_000_records_of_moving_ids_and_two_publishers_are_read_as_the_client_reads_them(
    tmp_path: Path, name: str
) -> None:
    market = SyntheticMarket(["AAA", "BBB", "CCC"], seed=4)
    options = DbnOptions(publishers=(2, 41), ids_move_on=date(2024, 2, 14), undefined_every=997)
    path = write_dbn(market, tmp_path / name, "2024-01-01", "2024-03-31", options=options)
    rows = assert_same_as_the_client(path)
    file = DbnFile(path)
    assert len(rows) == file.record_count >= 100_000
    assert file.publishers == (2, 41)
    undefined = rows.index % 997 == 996
    assert rows[undefined][["open", "high", "low", "close"]].isna().all(axis=None)
    assert rows[~undefined][["open", "high", "low", "close"]].notna().all(axis=None)


@pytest.mark.parametrize("schema", BAR_SCHEMAS)
def test_synthetic_files_hold_the_markets_bars(tmp_path: Path, schema: str) -> None:
    market = SyntheticMarket(["AAA", "BBB", "CCC"], seed=4)
    options = DbnOptions(publishers=(2, 5, 41), ids_move_on=date(2024, 3, 1), version=1)
    path = write_dbn(market, tmp_path / "x.dbn.zst", "2024-02-28", "2024-03-04", schema, options=options)
    file = DbnFile(path)
    assert (file.version, file.schema) == (1, schema)
    rows = read(file)
    for ticker in market.tickers:
        own = rows[rows.ticker == ticker].sort_values(["ts_event", "volume"], ascending=[True, False], kind="stable")
        bars = own.groupby("ts_event").agg(
            {"open": "first", "high": "max", "low": "min", "close": "first", "volume": "sum"}
        )
        expected = market.bars(ticker, "2024-02-28T00:00Z", "2024-03-05T00:00Z", schema, day_tz="UTC").to_pandas()
        pd.testing.assert_frame_equal(bars, expected.set_index("ts_event")[list(bars)])


def test_only_requested_tickers_are_read(tmp_path: Path) -> None:
    market = SyntheticMarket(["AAA", "BBB", "CCC"], seed=4, faults=Faults.none())
    path = write_dbn(market, tmp_path / "x.dbn", "2024-03-01", "2024-03-01")
    file = DbnFile(path)
    whole = read(file)
    some = read(file, tickers=["CCC", "AAA", "ZZZ"], chunk_rows=100)
    pd.testing.assert_frame_equal(some, whole[whole.ticker != "BBB"].reset_index(drop=True))
    assert list(file.batches(tickers=[])) == []


def test_vectorised_records_are_those_of_the_vendors_own_class(tmp_path: Path) -> None:
    market = SyntheticMarket(["AAA"], seed=4)
    path = write_dbn(market, tmp_path / "x.dbn", "2024-03-01", "2024-03-01")
    store = databento.DBNStore.from_file(path)
    body = path.read_bytes()[-store.to_ndarray().nbytes :]
    messages: list[Any] = list(store)
    assert b"".join(map(bytes, messages)) == body
    again = [
        databento_dbn.OHLCVMsg(
            rtype=int(one.rtype), publisher_id=one.publisher_id, instrument_id=one.instrument_id,
            ts_event=one.ts_event, open=one.open, high=one.high, low=one.low, close=one.close, volume=one.volume,
        )
        for one in messages
    ]  # fmt: skip
    assert b"".join(map(bytes, again)) == body
    store.reader.close()


def test_an_id_belongs_to_the_symbol_of_its_utc_day(tmp_path: Path) -> None:
    mappings = (
        mapped("AAA", ("2024-03-18", "2024-03-19", "7"), ("2024-03-19", "2024-03-20", "8")),
        mapped("BBB", ("2024-03-18", "2024-03-19", "8"), ("2024-03-19", "2024-03-20", "7")),
    )
    last = 1439
    path = write(tmp_path / "x.dbn", [bar(0, 7), bar(0, 8), bar(last, 7), bar(last + 1, 7), bar(last + 1, 8)], mappings)
    assert read(DbnFile(path)).ticker.tolist() == ["AAA", "BBB", "AAA", "BBB", "AAA"]


def test_id_requested_by_number_is_named_by_its_symbol(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.dbn", [bar(0, 7)], (mapped("7", ("2024-03-18", "2024-03-20", "AAA")),),
        stype_in=databento_dbn.SType.INSTRUMENT_ID, stype_out=databento_dbn.SType.RAW_SYMBOL,
    )  # fmt: skip
    assert read(DbnFile(path)).ticker.tolist() == ["AAA"]


def test_an_id_of_two_symbols_gives_its_bars_to_both(tmp_path: Path) -> None:
    mappings = (*ONE, mapped("front", ("2024-03-18", "2024-03-19", "7"), ("2024-03-19", "2024-03-20", "8")))
    path = write(tmp_path / "x.dbn", [bar(0, 7), bar(1440, 7), bar(1440, 8)], mappings)
    rows = read(DbnFile(path))
    assert rows.ticker.tolist() == ["AAA", "front", "AAA", "front"]
    assert rows.volume.tolist() == [100, 100, 1540, 1540]


def test_a_symbol_of_two_instruments_at_once_is_refused(tmp_path: Path) -> None:
    mappings = (mapped("ES.FUT", ("2024-03-18", "2024-03-20", "7"), ("2024-03-19", "2024-03-20", "8")),)
    with pytest.raises(IngestError, match=r"'ES.FUT' stands for several instruments on 2024-03-19 \(7, 8\)"):
        DbnFile(write(tmp_path / "x.dbn", [], mappings))


@pytest.mark.parametrize(("record", "place"), [(bar(0, 9), "9 on 2024-03-18"), (bar(1440, 7), "7 on 2024-03-19")])
def test_an_id_without_a_symbol_is_named_with_its_day(tmp_path: Path, record: bytes, place: str) -> None:
    mappings = (mapped("AAA", ("2024-03-18", "2024-03-19", "7")),)
    path = write(tmp_path / "x.dbn", [bar(0, 7), record], mappings)
    with pytest.raises(BrokenFileError, match=f"no symbol for instrument_id {place}"):
        read(DbnFile(path))


def test_a_record_of_another_kind_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.dbn", [bar(0, 7), bar(1, 7), bar(2, 7, rtype=32)], ONE)
    with pytest.raises(BrokenFileError, match=r"record 3 is not a ohlcv-1m bar: rtype 32 \(expected 33\)"):
        read(DbnFile(path), chunk_rows=2)


def test_prices_are_the_nearest_doubles_of_their_decimals(tmp_path: Path) -> None:
    fixed = [1, 123_456_789, 999_999_999_999, 187_645_000_000, -37_630_000_000, 9_007_199_254_740_991]
    records = [
        bytes(databento_dbn.OHLCVMsg(33, 1, 7, START_NS + index * MINUTE_NS, price, price, price, price, 1))
        for index, price in enumerate(fixed)
    ]
    rows = read(DbnFile(write(tmp_path / "x.dbn", records, ONE)))
    assert rows.open.tolist() == [float(f"{price}e-9") for price in fixed]


def test_file_covers_the_range_of_its_request(tmp_path: Path) -> None:
    file = DbnFile(write(tmp_path / "x.dbn", [bar(3, 7)], ONE))
    whole = TimeRange(START_NS // 1000, (START_NS + 2 * DAY_NS) // 1000)
    assert file.ranges_by_ticker() == {"AAA": (whole,)}


def test_file_without_records_covers_its_range(tmp_path: Path) -> None:
    file = DbnFile(write(tmp_path / "x.dbn", [], ONE))
    assert file.ranges_by_ticker() == {"AAA": (TimeRange(START_NS // 1000, (START_NS + 2 * DAY_NS) // 1000),)}
    assert list(file.batches()) == []


def test_a_partial_symbol_is_covered_on_the_days_on_which_it_resolved(tmp_path: Path) -> None:
    market = SyntheticMarket(["AAA", "BBB"], seed=4)
    options = DbnOptions(listed_from={"BBB": date(2024, 3, 7)}, not_found=("ZZZ",), ids_move_on=date(2024, 3, 12))
    file = DbnFile(write_dbn(market, tmp_path / "x.dbn", "2024-03-04T12:00Z", "2024-03-15T12:00Z", options=options))
    assert (file.partial, file.not_found, file.tickers) == (("BBB",), ("ZZZ",), ("AAA", "BBB"))
    ranges = file.ranges_by_ticker()
    stamps = {ticker: [(str(pd.Timestamp(one.start_us, unit="us")), str(pd.Timestamp(one.end_us, unit="us")))
                       for one in own] for ticker, own in ranges.items()}  # fmt: skip
    assert stamps == {
        "AAA": [("2024-03-04 12:00:00", "2024-03-15 12:00:00")],
        "BBB": [("2024-03-07 00:00:00", "2024-03-15 12:00:00")],
    }
    rows = read(file)
    assert rows[rows.ticker == "BBB"].ts_event.min() >= pd.Timestamp("2024-03-07", tz="UTC")


def minutes(first: int, last: int) -> tuple[TimeRange, ...]:
    return (TimeRange((START_NS + first * MINUTE_NS) // 1000, (START_NS + last * MINUTE_NS) // 1000),)


def test_a_limit_that_was_reached_ends_the_range_with_the_last_record(tmp_path: Path) -> None:
    records = [bar(0, 7), bar(5, 7)]
    file = DbnFile(write(tmp_path / "x.dbn", records, ONE, limit=2))
    assert file.is_limited
    assert file.ranges_by_ticker() == {"AAA": minutes(0, 6)}
    file = DbnFile(write(tmp_path / "y.dbn", records, ONE, limit=3))
    assert not file.is_limited
    assert file.ranges_by_ticker() == {"AAA": minutes(0, 2 * 1440)}


def test_a_limit_among_several_series_ends_the_range_before_the_last_record(tmp_path: Path) -> None:
    two = (*ONE, mapped("BBB", ("2024-03-18", "2024-03-20", "8")))
    file = DbnFile(write(tmp_path / "x.dbn", [bar(0, 7), bar(0, 8), bar(5, 7)], two, limit=3))
    assert file.ranges_by_ticker() == {"AAA": minutes(0, 5), "BBB": minutes(0, 5)}
    venues = [bar(0, 7), bar(5, 7, publisher_id=1), bar(5, 7, publisher_id=2)]
    file = DbnFile(write(tmp_path / "y.dbn", venues, ONE, limit=3))
    assert file.ranges_by_ticker() == {"AAA": minutes(0, 5)}
    file = DbnFile(write(tmp_path / "z.dbn", [bar(0, 7), bar(0, 8)], two, limit=2))
    assert file.ranges_by_ticker() == {"AAA": (), "BBB": ()}


def test_a_part_of_a_split_file_covers_its_last_record(tmp_path: Path) -> None:
    file = DbnFile(write(tmp_path / "x.dbn", [bar(0, 7), bar(5, 7)], ONE, end=START_NS + 5 * MINUTE_NS))
    assert file.ranges_by_ticker() == {"AAA": minutes(0, 6)}


def test_live_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedSchemaError, match="live recording"):
        DbnFile(write(tmp_path / "x.dbn", [], (), schema=None))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.dbn"
    for content, message in ((b"", "empty"), (b"ticker,volume\n", "not a DBN file"), (b"D", "not a DBN file|cut")):
        path.write_bytes(content)
        with pytest.raises((UnrecognisedFileError, BrokenFileError), match=message):
            DbnFile(path)
    path.write_bytes(zstandard.compress(b"ticker,volume\n"))
    with pytest.raises(UnrecognisedFileError, match=r"begins with b'ticker"):
        DbnFile(path)


def test_newer_versions_are_refused(tmp_path: Path) -> None:
    content = bytearray(write(tmp_path / "x.dbn", [bar(0, 7)], ONE).read_bytes())
    content[3] = 4
    (tmp_path / "x.dbn").write_bytes(content)
    with pytest.raises(BrokenFileError, match="DBN version 4; supported are 1, 2, 3"):
        DbnFile(tmp_path / "x.dbn")


def frames_of(content: bytes, *, size: int = 400) -> bytes:
    return b"".join(zstandard.compress(content[at : at + size]) for at in range(0, len(content), size))


@pytest.mark.parametrize("packing", ["plain", "one frame", "one frame with a checksum", "many frames"])
def test_a_file_cut_anywhere_is_refused_unless_it_ends_with_a_record(tmp_path: Path, packing: str) -> None:
    plain = write(tmp_path / "whole.dbn", [bar(number, 7) for number in range(20)], ONE).read_bytes()
    checked = zstandard.ZstdCompressor(write_checksum=True)
    packed = {
        "plain": plain,
        "one frame": zstandard.compress(plain),
        "one frame with a checksum": checked.compress(plain),
        "many frames": frames_of(plain),
    }[packing]
    metadata_bytes = len(plain) - 20 * 56
    path = tmp_path / "cut.dbn"
    complete = 0
    for length in range(len(packed)):
        path.write_bytes(packed[:length])
        if is_whole_prefix(packed[:length], metadata_bytes):
            complete += 1
            rows = read(DbnFile(path))
            assert rows.volume.tolist() == list(range(100, 100 + len(rows)))
            continue
        with pytest.raises((BrokenFileError, UnrecognisedFileError), match=r"cut\.dbn"):
            read(DbnFile(path))
    assert complete == {"plain": 20, "many frames": 1}.get(packing, 0)
    path.write_bytes(packed)
    assert len(read(DbnFile(path))) == 20


def is_whole_prefix(content: bytes, metadata_bytes: int) -> bool:
    """Whether the content ends exactly with a zstd frame (if any) and with a record, so that nothing tells of a cut."""
    if content.startswith(b"\x28\xb5\x2f\xfd"):
        plain = b""
        while content:
            frame = zstandard.ZstdDecompressor().decompressobj()
            plain += frame.decompress(content)
            if not frame.eof:
                return False
            content = frame.unused_data
        content = plain
    rest = len(content) - metadata_bytes
    return rest >= 0 and rest % 56 == 0


def test_a_cut_is_named_by_its_record_before_any_row_is_given(tmp_path: Path) -> None:
    plain = write(tmp_path / "x.dbn", [bar(number, 7) for number in range(20)], ONE).read_bytes()
    (tmp_path / "x.dbn").write_bytes(plain[:-60])
    with pytest.raises(BrokenFileError, match="cut inside record 19: 52 of its 56 bytes"):
        next(DbnFile(tmp_path / "x.dbn").batches(chunk_rows=1))
    packed = zstandard.compress(plain)
    (tmp_path / "x.dbn").write_bytes(packed[:-5])
    with pytest.raises(BrokenFileError, match=f"cut off at byte {len(packed) - 5:,}"):
        next(DbnFile(tmp_path / "x.dbn").batches(chunk_rows=1))


def test_damaged_zstd_data_is_refused(tmp_path: Path) -> None:
    market = SyntheticMarket(["AAA"], seed=4)
    path = write_dbn(market, tmp_path / "x.dbn.zst", "2024-03-01", "2024-03-05")
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    for at in rng.integers(4, len(content), 40):
        damaged = bytearray(content)
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises(IngestError):
            read(DbnFile(path))
    path.write_bytes(bytes(content) + b"more")
    with pytest.raises(BrokenFileError):
        read(DbnFile(path))


def test_batches_have_at_most_the_requested_rows(tmp_path: Path) -> None:
    market = SyntheticMarket(["AAA", "BBB"], seed=4)
    file = DbnFile(write_dbn(market, tmp_path / "x.dbn.zst", "2024-03-01", "2024-03-29"))
    sizes = [batch.num_rows for batch in file.batches(chunk_rows=1_000)]
    assert max(sizes) == 1_000
    assert sum(sizes) == file.record_count


def test_a_stream_that_is_given_up_closes_its_file(tmp_path: Path) -> None:
    market = SyntheticMarket(["AAA"], seed=4)
    file = DbnFile(write_dbn(market, tmp_path / "x.dbn", "2024-03-01", "2024-03-29"))
    stream = file.batches(chunk_rows=10)
    assert isinstance(stream, Generator)
    next(stream)
    stream.close()  # an open file would be a ResourceWarning, and those are errors here
    assert io.BytesIO(file.path.read_bytes()).read(3) == b"DBN"


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    market = SyntheticMarket(["AAA", "BBB"], seed=4, faults=Faults.none())
    peaks = []
    for end in ("2024-01-31", "2024-06-28"):
        file = DbnFile(write_dbn(market, tmp_path / "x.dbn.zst", "2024-01-01", end))
        tracemalloc.start()
        rows = sum(batch.num_rows for batch in file.batches(chunk_rows=1_000))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert rows == file.record_count
    assert peaks[1] < 1.5 * peaks[0]
    assert peaks[1] < 0.5 * 56 * file.record_count
