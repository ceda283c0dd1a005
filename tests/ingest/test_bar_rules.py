"""The rules for bars: the same rows are stored, and rejected for the same reason, whichever way they come in."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import databento_dbn
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtstore import CacheManager, DataAligner, IngestWarning, Store
from mtstore.bars import PRICE_COLUMNS, VALUE_COLUMNS
from mtstore.cli.main import run as run_command
from mtstore.ranges import TimeRange
from mtstore.sources.bar_rules import check_bars
from mtstore.sources.checked_bars import CheckedBars
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
from mtstore.sources.http.request import RequestContext
from tests.kits.flat_files import row as flat_row
from tests.kits.flat_files import write_flat
from tests.kits.reasons import GUESS, NOT_POSITIVE
from tests.servers.words import span, us
from tests.sources.test_dbn import DAY_NS, MINUTE_NS, ONE, START_NS, write

STEP = 60_000_000
OPEN = "2024-03-04T14:30"
WORDS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v", "vwap": "vw", "transactions": "n"}
GOOD = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 100.0, "vwap": 10.5, "transactions": 3.0}
NAN, INF = math.nan, math.inf

INFINITE = "a price is not finite"
VOLUME, COUNT = "volume is missing, negative or not finite", "transactions is negative or not a whole number"
FAULTS: list[tuple[dict[str, float], str]] = [
    *[({name: NAN}, f"{name} is missing") for name in ("open", "high", "low", "close")],
    *[({name: INF}, INFINITE) for name in ("open", "high", "low", "close")],
    *[({name: value}, NOT_POSITIVE) for name in ("open", "high", "low", "close") for value in (0.0, -1.0)],
    *[({"high": value}, "high is below open or close") for value in (10.5, 8.0)],
    *[({"low": value}, "low is above open or close") for value in (10.5, 11.5)],
    *[({"volume": value}, VOLUME) for value in (NAN, INF, -1.0)],
    ({"vwap": INF}, "vwap is not finite"),
    ({"vwap": -1.0}, "vwap is negative"),
    *[({"transactions": value}, COUNT) for value in (-5.0, 1.5, INF, 2.0**60)],
]
"""What is wrong with a row, and the reason."""

HARMLESS: list[dict[str, float]] = [
    *[{"vwap": value} for value in (NAN, 0.0, 8.5, 12.5)],
    *[{"transactions": value} for value in (NAN, 0.0)],
    *[{"volume": 0.0, "vwap": 0.0, "transactions": 0.0}, {"volume": 0.5}, {"high": 11.0, "low": 10.0}],
]

Rows = list[dict[str, float]]
Door = Callable[[Path, Rows], tuple[list[dict[str, Any]], list[str]]]


def frame_of(rows: Rows) -> pd.DataFrame:
    times = pd.date_range(OPEN, periods=len(rows), freq="1min", tz="UTC", name="ts_event")
    return pd.DataFrame(rows, index=times, columns=list(VALUE_COLUMNS))


def in_store(store: Store) -> tuple[list[dict[str, Any]], list[str]]:
    bars = store.sql(f"SELECT {', '.join(VALUE_COLUMNS)} FROM bars ORDER BY ts_event").to_arrow().to_pylist()
    return bars, [reason for (reason,) in store.sql("SELECT reason FROM quarantine ORDER BY ALL").fetchall()]


def through_frame(place: Path, rows: Rows) -> tuple[list[dict[str, Any]], list[str]]:
    with Store.open(place / "store", create=True) as store:
        store.ingest(frame_of(rows), ticker="A", schema="ohlcv-1m")
        return in_store(store)


def through_csv(place: Path, rows: Rows) -> tuple[list[dict[str, Any]], list[str]]:
    frame_of(rows).to_csv(place / "bars.csv")
    return through_file(place, place / "bars.csv")


def through_parquet(place: Path, rows: Rows) -> tuple[list[dict[str, Any]], list[str]]:
    frame_of(rows).reset_index().to_parquet(place / "bars.parquet", index=False)
    return through_file(place, place / "bars.parquet")


def through_file(place: Path, path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    with Store.open(place / "store", create=True) as store:
        store.ingest(path, mapping=ColumnMapping("ohlcv-1m", ticker="A"))
        return in_store(store)


def through_flat_file(place: Path, rows: Rows) -> tuple[list[dict[str, Any]], list[str]]:
    lines = []
    for number, row in enumerate(rows):
        values: dict[str, Any] = {name: "" if math.isnan(value) else value for name, value in row.items()}
        del values["vwap"]
        lines.append(flat_row("A", f"09:{30 + number}", **values))
    with Store.open(place / "store", create=True) as store:
        store.ingest(write_flat(place, lines))
        return in_store(store)


def through_cache(place: Path, rows: Rows) -> tuple[list[dict[str, Any]], list[str]]:
    with CacheManager({"cache_dir": str(place / "store")}) as cache, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        cache.cache_data("A", frame_of(rows), "2024-03-04", "2024-03-04", schema="ohlcv-1m")
        return in_store(cache.store)


def through_aligner(place: Path, rows: Rows) -> tuple[list[dict[str, Any]], list[str]]:
    del place
    aligner = DataAligner(native_interval="1min")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        table = aligner.align_data({"A": frame_of(rows)})
    table.columns = table.columns.str.removeprefix("A_")
    table = table.reindex(columns=list(VALUE_COLUMNS)).astype(object)
    bars: Any = table.where(table.notna(), None).to_dict("records")
    return bars, aligner.quarantine["reason"].tolist()


DOORS: dict[str, Door] = {
    "frame": through_frame,
    "csv": through_csv,
    "parquet": through_parquet,
    "flat file": through_flat_file,
    "cache_data": through_cache,
    "DataAligner": through_aligner,
}


# Flat files have no vwap, and the aligner returns the usual fields only.
ABSENT = {"flat file": ("vwap",), "DataAligner": ("vwap", "transactions")}


def as_stored(row: dict[str, float], *, absent: Collection[str] = ()) -> dict[str, Any]:
    return {name: None if name in absent or math.isnan(value) else value for name, value in row.items()}


@pytest.mark.parametrize("door", DOORS)
def test_each_way_in_rejects_the_same_rows_for_the_same_reason(tmp_path: Path, door: str) -> None:
    faults = [(row, reason) for row, reason in FAULTS if door != "flat file" or "vwap" not in row]
    bars, reasons = DOORS[door](tmp_path, [GOOD, *[GOOD | fault for fault, _ in faults], GOOD | {"open": 9.5}])
    assert bars == [as_stored(row, absent=ABSENT.get(door, ())) for row in (GOOD, GOOD | {"open": 9.5})]
    assert sorted(reasons) == sorted(reason for _, reason in faults)


@pytest.mark.parametrize("door", DOORS)
def test_each_way_in_stores_values_as_given(tmp_path: Path, door: str) -> None:
    rows = [GOOD | values for values in HARMLESS]
    bars, reasons = DOORS[door](tmp_path, rows)
    assert bars == [as_stored(row, absent=ABSENT.get(door, ())) for row in rows]
    assert reasons == []


def random_rows(columns: Collection[str], seed: int) -> tuple[Rows, list[dict[str, Any]], list[str]]:
    """Return rows with random faults in some columns, the bars that are right for them, and the reasons."""
    random = np.random.default_rng(seed)
    strange = (NAN, INF, -INF, -1.0, 0.0, 1.5, 11.5, 2.0**60)
    rows = []
    for _ in range(25):
        faulty = random.choice(list(columns), random.choice(3), replace=False)
        rows.append(GOOD | {str(name): float(random.choice(strange)) for name in faulty})
    expected = check(
        {"ts_us": STEP * np.arange(len(rows)), **{name: np.array([row[name] for row in rows]) for name in GOOD}}
    )
    reasons = sorted(expected.rejected["reason"].to_pylist())
    return rows, expected.bars.select(VALUE_COLUMNS).to_pylist(), reasons


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("door", DOORS)
def test_random_rows_fare_alike_at_every_door(tmp_path: Path, door: str, seed: int) -> None:
    absent = ABSENT.get(door, ())
    rows, expected, reasons = random_rows([name for name in GOOD if name not in absent], seed)
    bars, found = DOORS[door](tmp_path, rows)
    assert bars == [bar | dict.fromkeys(absent) for bar in expected]
    assert sorted(found) == reasons


@pytest.mark.parametrize("seed", [1, 2])
def test_random_rows_fare_alike_in_a_response(polygon, polygon_source, seed: int) -> None:
    rows, expected, reasons = random_rows(GOOD, seed)
    polygon.companies["A"].minutes = [
        {"t": us(OPEN) // 1_000 + 60_000 * number, **{WORDS[name]: value for name, value in row.items()}}
        for number, row in enumerate(rows)
    ]
    [batch] = polygon_source().fetch(RequestContext(["A"], "ohlcv-1m", span("2024-03-04T05:00", "2024-03-05T05:00")))
    assert batch.bars.select(VALUE_COLUMNS).to_pylist() == expected
    assert sorted(batch.quarantined["reason"].to_pylist()) == reasons


def test_polygon_response_keeps_the_same_rules(polygon, polygon_source) -> None:
    rows = [GOOD, *[GOOD | fault for fault, _ in FAULTS], *[GOOD | values for values in HARMLESS]]
    polygon.companies["A"].minutes = [
        {"t": us(OPEN) // 1_000 + 60_000 * number, **{WORDS[name]: value for name, value in row.items()}}
        for number, row in enumerate(rows)
    ]
    [batch] = polygon_source().fetch(RequestContext(["A"], "ohlcv-1m", span("2024-03-04T05:00", "2024-03-05T05:00")))
    assert batch.quarantined["reason"].to_pylist() == [reason for _, reason in FAULTS]
    assert batch.bars.select(VALUE_COLUMNS).to_pylist() == [
        as_stored(row) for row in (GOOD, *[GOOD | values for values in HARMLESS])
    ]


def test_dbn_file_keeps_the_same_rules(store: Store, tmp_path: Path) -> None:
    # DBN has whole volumes of zero or more, no vwap and no transactions.
    faults = [(row, reason) for row, reason in FAULTS if reason != INFINITE and "volume" not in row]
    faults = [(row, reason) for row, reason in faults if not {"vwap", "transactions"} & row.keys()]
    rows = [GOOD, *[GOOD | fault for fault, _ in faults]]
    records = []
    for number, row in enumerate(rows):
        prices: dict[str, Any] = {
            name: databento_dbn.UNDEF_PRICE if math.isnan(row[name]) else round(row[name] * 1e9)
            for name in PRICE_COLUMNS
        }
        at = START_NS + number * MINUTE_NS
        message = databento_dbn.OHLCVMsg(rtype=33, publisher_id=1, instrument_id=7, ts_event=at, volume=100, **prices)
        records.append(bytes(message))
    store.ingest(write(tmp_path / "x.dbn", records, ONE, end=START_NS + DAY_NS))
    bars, reasons = in_store(store)
    assert bars == [as_stored(GOOD | {"vwap": NAN, "transactions": NAN})]
    assert reasons == sorted(reason for _, reason in faults)


def test_negative_prices_of_a_future_say_which_calendar_allows_them(store: Store, tmp_path: Path) -> None:
    times = pd.date_range("2020-04-20 18:00", periods=3, freq="1min", tz="UTC", name="ts_event")
    frame = pd.DataFrame({"open": -37.0, "high": -36.0, "low": -38.0, "close": -36.5, "volume": 100.0}, index=times)
    config = tmp_path / "config.json"
    with pytest.warns(IngestWarning, match=r"3 rows of CLK0 quarantined: .*XNYS \(guessed\) does not allow it"):
        store.ingest(frame, ticker="CLK0", schema="ohlcv-1m")
    assert set(in_store(store)[1]) == {NOT_POSITIVE}
    config.write_text(f'{{"multi_ticker": {{"store": "{store.path}", "tickers": {{"CLK0": {{"calendar": "CMES"}}}}}}}}')
    assert run_command(["config", "apply", str(store.path), str(config)]) == 0
    store.ingest(frame, ticker="CLK0", schema="ohlcv-1m")
    assert [bar["open"] for bar in in_store(store)[0]] == [-37.0] * 3


def test_a_futures_calendar_that_is_guessed_by_the_name_allows_no_negative_prices(store: Store) -> None:
    for volume in (1.0, 2.0):  # the second time, the ticker is known
        with pytest.warns(IngestWarning, match=r"CMES \(guessed\) does not allow it"):
            store.ingest(frame_of([GOOD | {"low": -1.0}, GOOD | {"volume": volume}]), ticker="ESM4", schema="ohlcv-1m")


# ---- the rules themselves ----------------------------------------------------------------------------------------

Row = tuple[int, float | None, float | None, float | None, float | None, float | None]


def columns_of(rows: list[Row], publishers: list[int] | None = None) -> dict[str, Any]:
    columns: dict[str, Any] = {"ts_us": np.array([row[0] for row in rows], dtype=np.int64)}
    for place, name in enumerate(("open", "high", "low", "close", "volume"), start=1):
        columns[name] = np.array([row[place] for row in rows], dtype=np.float64)
    columns["transactions"] = np.full(len(rows), np.nan)
    columns["file_index"] = np.zeros(len(rows), dtype=np.int32)
    if publishers is not None:
        columns["publisher_id"] = np.array(publishers, dtype=np.uint16)
    return columns


def check(columns: dict[str, Any], **options: Any) -> CheckedBars:
    plain: dict[str, Any] = {"schema": "ohlcv-1m", "day_tz": "UTC", "ranges": None, "calendar": GUESS}
    return check_bars(columns, **(plain | options))


PRICES = st.sampled_from([None, -1.0, 0.0, 1.0, 2.0, 3.0, float("inf"), float("nan")])
ROWS = st.lists(
    st.tuples(st.sampled_from([0, STEP, 2 * STEP, STEP + 1]), PRICES, PRICES, PRICES, PRICES, PRICES), max_size=12
)


def is_valid(row: Row, *, futures: bool) -> bool:
    stamp, *values = row
    if stamp % STEP or any(value is None or not math.isfinite(value) for value in values):
        return False
    opened, high, low, close, volume = (value or 0.0 for value in values)
    ordered = high >= max(opened, close) and low <= min(opened, close)
    return ordered and volume >= 0 and (futures or min(opened, high, low, close) > 0)


@given(ROWS, st.booleans())
@settings(deadline=None)
def test_every_row_is_stored_quarantined_or_a_repetition(rows: list[Row], futures: bool) -> None:
    result = check(columns_of(rows), allows_negative_prices=futures)
    assert result.bars.num_rows + result.rejected.num_rows + result.repeated == len(rows)
    stamps = result.bars["ts_event"].cast("int64").to_pylist()
    assert stamps == sorted(set(stamps))
    last_valid = {row[0]: row for row in rows if is_valid(row, futures=futures)}
    assert stamps == sorted(last_valid)
    for bar in result.bars.to_pylist():
        stamp = round(bar["ts_event"].timestamp() * 1e6)
        assert (bar["open"], bar["high"], bar["low"], bar["close"], bar["volume"]) == last_valid[stamp][1:]
    assert all(result.rejected["reason"].to_pylist())


def test_vwap_of_a_future_may_be_negative() -> None:
    rows: list[Row] = [(0, -2.0, -1.0, -3.0, -2.0, 1.0)]
    columns = columns_of(rows) | {"vwap": np.array([-2.0])}
    assert check(columns, allows_negative_prices=True).bars["vwap"].to_pylist() == [-2.0]
    assert check(columns).rejected["reason"].to_pylist() == [NOT_POSITIVE]


def test_a_row_outside_of_what_is_covered_is_quarantined() -> None:
    rows: list[Row] = [(number * STEP, 1.0, 1.0, 1.0, 1.0, 1.0) for number in range(6)]
    ranges = (TimeRange(STEP, 2 * STEP), TimeRange(4 * STEP, 5 * STEP))
    result = check(columns_of(rows), ranges=ranges)
    assert [stamp // STEP for stamp in result.bars["ts_event"].cast("int64").to_pylist()] == [1, 4]
    assert set(result.rejected["reason"].to_pylist()) == {"ts_event is outside of the covered range"}
    assert result.is_misplaced


def test_daily_bars_open_at_midnight_of_their_zone() -> None:
    rows: list[Row] = [(5 * 3_600_000_000, 1.0, 1.0, 1.0, 1.0, 1.0)]
    assert check(columns_of(rows), schema="ohlcv-1d", day_tz="America/New_York").bars.num_rows == 1
    assert check(columns_of(rows), schema="ohlcv-1d").rejected["reason"].to_pylist() == [
        "ts_event is not on a whole bar"
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_publishers_are_aggregated_by_the_rules(order: tuple[int, ...]) -> None:
    rows: list[Row] = [
        (0, 10.0, 11.0, 9.0, 10.5, 50.0),
        (0, 10.1, 12.0, 9.5, 10.4, 20.0),
        (0, 10.2, 10.9, 8.0, 10.3, 30.0),
    ]
    columns = columns_of([rows[place] for place in order], [order[0] + 1, order[1] + 1, order[2] + 1])
    (bar,) = check(columns).bars.to_pylist()
    assert (bar["open"], bar["high"], bar["low"], bar["close"], bar["volume"]) == (10.0, 12.0, 8.0, 10.5, 100.0)


def test_a_record_that_is_there_twice_counts_once_beside_other_publishers() -> None:
    rows: list[Row] = [(0, 1.0, 1.0, 1.0, 1.0, 5.0), (0, 1.0, 1.0, 1.0, 1.0, 5.0), (0, 1.0, 2.0, 1.0, 1.0, 3.0)]
    result = check(columns_of(rows, [1, 1, 2]))
    assert result.bars["volume"].to_pylist() == [8.0]
    assert result.repeated == 1


def test_a_publishers_last_record_counts_beside_other_publishers() -> None:
    rows: list[Row] = [(0, 1.0, 1.0, 1.0, 1.0, 5.0), (0, 1.0, 1.0, 1.0, 1.0, 6.0), (0, 1.0, 2.0, 1.0, 1.0, 3.0)]
    result = check(columns_of(rows, [1, 1, 2]))
    assert result.bars["volume"].to_pylist() == [9.0]
    assert result.rejected["volume"].to_pylist() == [5.0]
