"""Polygon flat files into a store: what the rows become, what is covered, what is refused."""

from __future__ import annotations

import gzip
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mtstore import Store
from mtstore.errors import InputError
from mtstore.synthetic import Faults, SyntheticMarket, write_flat_files
from tests.kits.flat_files import DAY, HEADER, nanoseconds, row, write_flat
from tests.kits.reasons import NOT_POSITIVE
from tests.kits.stores import bars_of, core_tables, data_files, known_files

ODD = ["NA", "NAN", "TRUE", "001", "1E5", "NULL", "BRK.B", "X:BTCUSD", "inf"]
NEXT_DAY = DAY + timedelta(days=1)


def coverage(store: Store) -> list[tuple[str, str, int]]:
    """Each ticker's results with the hours they are about."""
    return store.sql(
        "SELECT t.ticker, result, (epoch(r.r.end_ts) - epoch(r.r.start_ts))::BIGINT // 3600 "
        "FROM core.coverage_ledger, unnest(tickers) AS t(ticker), unnest(ranges) AS r(r) ORDER BY ALL"
    ).fetchall()


def pandas_bars(paths: list[Path]) -> pd.DataFrame:
    """The same files as pandas reads them."""
    frames = [
        pd.read_csv(path, dtype={"ticker": str}, keep_default_na=False, na_values={"transactions": [""]})
        for path in paths
    ]
    frame = pd.concat(frames)
    frame["ts_us"] = frame["window_start"] // 1_000
    return frame.sort_values(["ticker", "ts_us"])[
        ["ticker", "ts_us", "open", "high", "low", "close", "volume", "transactions"]
    ]


@pytest.mark.parametrize("kind", ["minute_aggs_v1", "day_aggs_v1"])
def test_the_bars_are_what_pandas_reads_from_the_same_files(store: Store, tmp_path: Path, kind: str) -> None:
    market = SyntheticMarket(3, seed=5, fractional_volume=True)
    paths = write_flat_files(market, tmp_path / "in", "2024-03-07", "2024-03-12", kinds=[kind])
    report = store.ingest(tmp_path / "in")
    assert report.is_complete
    assert len(report.files) == len(paths) == 4
    expected = pandas_bars(paths)
    found = store.sql(
        "SELECT ticker, epoch_us(ts_event) AS ts_us, open, high, low, close, volume, transactions "
        "FROM bars ORDER BY ticker, ts_us"
    ).to_pandas()
    pd.testing.assert_frame_equal(found, expected.reset_index(drop=True), check_dtype=False)
    assert report.rows == len(expected)
    assert sum(outcome.rows for outcome in report.files) == len(expected)
    schema = "ohlcv-1m" if kind.startswith("minute") else "ohlcv-1d"
    assert store.sql("SELECT DISTINCT source, schema FROM bars").fetchall() == [("polygon", schema)]


def test_columns_are_taken_by_name_in_any_order_and_others_are_ignored(store: Store, tmp_path: Path) -> None:
    order = [6, 0, 7, 5, 4, 3, 2, 1]
    rows = [row("A", "09:30", 10.0, high=12, low=9, close=11, volume=7.25)]
    shuffled = [(*(line[place] for place in order), "x,".strip(",")) for line in rows]
    write_flat(tmp_path, shuffled, header=[*(HEADER[place] for place in order), "note"])
    write_flat(tmp_path, [row("A", "09:30", day=NEXT_DAY)], day=NEXT_DAY)
    assert store.ingest(tmp_path / "minute_aggs_v1").is_complete
    found = store.sql("SELECT open, high, low, close, volume, transactions FROM bars ORDER BY ts_event").fetchall()
    assert found[0] == (10.0, 12.0, 9.0, 11.0, 7.25, 3)
    assert len(found) == 2


def test_tickers_stay_text_and_volume_may_be_fractional_and_transactions_empty(store: Store, tmp_path: Path) -> None:
    path = write_flat(
        tmp_path,
        [row(ticker, "09:30", volume=0.125, transactions="" if number % 2 else 4) for number, ticker in enumerate(ODD)],
    )
    assert store.ingest(path).is_complete
    found = store.sql("SELECT ticker, volume, transactions FROM bars ORDER BY ticker").fetchall()
    assert found == sorted((ticker, 0.125, None if number % 2 else 4) for number, ticker in enumerate(ODD))


def test_a_file_covers_its_exchange_day_for_the_tickers_in_it(store: Store, tmp_path: Path) -> None:
    spring = date(2024, 3, 10)  # clocks go forward: 23 hours
    write_flat(tmp_path, [row("A", "09:30"), row("B", "09:30")])
    write_flat(tmp_path, [row("A", "09:30", day=spring)], day=spring)
    store.ingest(tmp_path)
    assert coverage(store) == [("A", "complete", 23), ("A", "complete", 24), ("B", "complete", 24)]


def test_named_tickers_that_are_absent_are_known_to_be_absent(store: Store, tmp_path: Path) -> None:
    path = write_flat(tmp_path, [row("A", "09:30"), row("B", "09:30"), row("C", "09:30")])
    report = store.ingest(path, tickers=["A", "B", "GONE"])
    assert report.rows == 2
    assert store.tickers() == ["A", "B"]
    assert coverage(store) == [("A", "complete", 24), ("B", "complete", 24), ("GONE", "empty", 24)]


def test_the_same_file_again_is_left_alone(store: Store, tmp_path: Path) -> None:
    path = write_flat(tmp_path, [row("A", "09:30")])
    copy = write_flat(tmp_path / "copy", [row("A", "09:30")])
    report = store.ingest([path, copy])
    assert {outcome.path: outcome.status for outcome in report.files} == {str(path): "ingested", str(copy): "unchanged"}
    before, snapshot = core_tables(store), store.repository.layout.newest_snapshot()
    again = store.ingest(path)
    assert [outcome.status for outcome in again.files] == ["unchanged"]
    assert again.commits == 0
    assert store.repository.layout.newest_snapshot() == snapshot
    assert core_tables(store) == before


def test_the_same_file_for_other_tickers_is_taken(store: Store, tmp_path: Path) -> None:
    path = write_flat(tmp_path, [row("A", "09:30"), row("B", "09:30")])
    store.ingest(path, tickers=["A"])
    assert store.ingest(path, tickers=["B"]).files[0].status == "ingested"
    assert store.tickers() == ["A", "B"]


def test_a_corrected_file_replaces_its_day(store: Store, tmp_path: Path) -> None:
    store.ingest(write_flat(tmp_path, [row("A", "09:30", 10.0), row("A", "09:31", 10.0), row("B", "09:30")]))
    store.ingest(write_flat(tmp_path / "later", [row("A", "09:30", 11.0)]))
    assert store.sql("SELECT ticker, close FROM bars ORDER BY ALL").fetchall() == [("A", 11.0), ("B", 10.0)]
    assert store.sql("SELECT kind FROM revisions ORDER BY ALL").fetchall() == [("changed",), ("withdrawn",)]


def test_two_files_of_one_day_go_in_one_after_the_other(store: Store, tmp_path: Path) -> None:
    first = write_flat(tmp_path / "a", [row("A", "09:30", 10.0), row("A", "09:31", 10.0)])
    second = write_flat(tmp_path / "b", [row("A", "09:30", 11.0)])
    report = store.ingest([first, second])
    assert [outcome.status for outcome in report.files] == ["ingested", "ingested"]
    assert store.sql("SELECT close FROM bars").fetchall() == [(11.0,)]


# ---- broken input --------------------------------------------------------------------------------------------------


def whole_and_broken(store: Store, tmp_path: Path, broken: Path) -> str:
    """Ingest a good file beside a broken one; gives the broken one's error."""
    good = write_flat(tmp_path / "good", [row("GOOD", "09:30", day=NEXT_DAY)], day=NEXT_DAY)
    report = store.ingest([broken, good])
    assert {outcome.path: outcome.status for outcome in report.files} == {
        str(good): "ingested",
        str(broken): "rejected",
    }
    assert store.tickers() == ["GOOD"]
    assert [row[0] for row in coverage(store)] == ["GOOD"]
    assert not report.is_complete
    assert store.sql("SELECT status, error FROM ingest_runs").fetchall()[0][0] == "incomplete"
    assert known_files(store) == data_files(store.path)
    error = report.rejected[0].error
    assert error is not None
    assert broken.name in error
    return error


@pytest.mark.parametrize("keep", [0.02, 0.3, 0.9, 0.999])
def test_a_truncated_gzip_is_refused_and_leaves_nothing_behind(store: Store, tmp_path: Path, keep: float) -> None:
    rows = [row("A", f"{9 + number // 60:02}:{number % 60:02}", 10 + number * 0.37) for number in range(600)]
    path = write_flat(tmp_path, rows)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    whole_and_broken(store, tmp_path, path)


def test_a_gzip_without_its_check_sum_is_refused(store: Store, tmp_path: Path) -> None:
    path = write_flat(tmp_path, [row("A", "09:30"), row("A", "09:31")])
    path.write_bytes(path.read_bytes()[:-8])
    whole_and_broken(store, tmp_path, path)


def test_a_damaged_gzip_is_refused(store: Store, tmp_path: Path) -> None:
    rows = [row("A", f"{9 + number // 60:02}:{number % 60:02}", 10 + number * 0.37) for number in range(600)]
    path = write_flat(tmp_path, rows)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    whole_and_broken(store, tmp_path, path)


@pytest.mark.parametrize("column", HEADER)
def test_a_missing_column_is_named(store: Store, tmp_path: Path, column: str) -> None:
    place = HEADER.index(column)
    rest = [line[:place] + line[place + 1 :] for line in (HEADER, row("A", "09:30"))]
    path = write_flat(tmp_path, rest[1:], header=[str(name) for name in rest[0]])
    report = store.ingest(path, format="polygon-flatfile")
    (rejected,) = report.rejected
    assert rejected.error is not None
    assert f"no column '{column}'" in rejected.error
    assert path.name in rejected.error
    assert store.tickers() == []


def test_a_file_that_is_not_what_its_name_says_is_refused(store: Store, tmp_path: Path) -> None:
    misnamed = write_flat(tmp_path, [row("A", "09:30", day=date(2024, 2, 1))], day=date(2024, 2, 2))
    assert "2024-02-01" in whole_and_broken(store, tmp_path, misnamed)


def test_plain_text_under_the_name_of_a_gzip_is_refused(store: Store, tmp_path: Path) -> None:
    path = tmp_path / f"{DAY}.csv.gz"
    path.write_text(",".join(HEADER))
    whole_and_broken(store, tmp_path, path)


def test_a_file_that_may_not_be_read_is_refused(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_flat(tmp_path, [row("A", "09:30")])

    def vanished(found: Path) -> str:
        if found == path:
            raise PermissionError(13, "Permission denied", str(path))
        return str(found)

    monkeypatch.setattr("mtstore.ingest.files.inputs.open_inputs.sha256_of", vanished)
    assert "Permission denied" in whole_and_broken(store, tmp_path, path)


def test_no_file_at_all_is_an_error(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        store.ingest(tmp_path / "nothing.csv.gz")


BAD: dict[str, dict[str, Any]] = {
    "high is below open or close": {"high": 9.0},
    "low is above open or close": {"low": 11.0},
    "volume is missing, negative or not finite": {"volume": -1},
    NOT_POSITIVE: {
        "open": 0.0,
        "low": 0.0,
    },
    "open is missing": {"open": ""},
    "a price is not finite": {"high": "inf"},
    "transactions is negative or not a whole number": {"transactions": 1.5},
}


@pytest.mark.parametrize("reason", BAD)
def test_an_impossible_row_is_quarantined_with_its_file_and_line(store: Store, tmp_path: Path, reason: str) -> None:
    path = write_flat(
        tmp_path, [row("A", "09:30"), row("B", "09:30"), row("A", "09:31", **BAD[reason]), row("A", "09:32")]
    )
    report = store.ingest(path)
    assert (report.rows, report.quarantined_rows) == (3, 1)
    assert not report.is_complete
    found = store.sql("SELECT ticker, epoch_us(ts_event), reason, origin FROM quarantine").fetchall()
    assert found == [("A", nanoseconds("09:31") // 1_000, reason, f"{path}:4")]
    assert len(bars_of(store)) == 3
    results = store.sql("SELECT DISTINCT result FROM core.coverage_ledger ORDER BY ALL").fetchall()
    assert results == [("complete",), ("partial",)], "the minute of the bad row is not called complete"


def test_a_bad_row_does_not_withdraw_the_good_one_of_before(store: Store, tmp_path: Path) -> None:
    store.ingest(write_flat(tmp_path, [row("A", "09:30", 10.0), row("A", "09:31", 10.0)]))
    store.ingest(write_flat(tmp_path / "later", [row("A", "09:30", 10.0), row("A", "09:31", 12.0, high=1.0)]))
    assert store.sql("SELECT close FROM bars").fetchall() == [(10.0,), (10.0,)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (("A", "x", 10, 10, 10, 10, nanoseconds("09:31"), 1), "DOUBLE"),
        (("A", 1, 10, 10, 10, 10), "column"),
        (("A", 1, 10, 10, 10, 10, nanoseconds("09:31"), 1, 1), "column"),
        (("", 1, 10, 10, 10, 10, nanoseconds("09:31"), 1), "the ticker is missing"),
        (("A", 1, 10, 10, 10, 10, "", 1), "the window_start is missing"),
    ],
    ids=["no number", "too short", "too long", "no ticker", "no time"],
)
def test_a_line_that_is_no_row_is_quarantined_with_its_line(
    store: Store, tmp_path: Path, line: tuple[object, ...], reason: str
) -> None:
    path = write_flat(tmp_path, [row("A", "09:30"), line, row("A", "09:32"), row("B", "09:30")])
    report = store.ingest(path)
    assert report.quarantined_rows == 1
    ((found, origin),) = store.sql("SELECT reason, origin FROM quarantine").fetchall()
    assert reason.lower() in found.lower()
    assert origin == f"{path}:3"
    assert len(bars_of(store)) == 3
    assert ("A", "complete") not in {row[:2] for row in coverage(store)}


def test_repeated_rows_collapse_and_rows_that_contradict_are_quarantined(store: Store, tmp_path: Path) -> None:
    path = write_flat(
        tmp_path,
        [row("A", "09:30", 10.0), row("A", "09:30", 10.0), row("A", "09:31", 10.0), row("A", "09:31", 12.0)],
    )
    report = store.ingest(path)
    assert (report.collapsed_rows, report.quarantined_rows) == (1, 1)
    assert store.sql("SELECT close FROM bars ORDER BY ts_event").fetchall() == [(10.0,), (12.0,)]
    ((reason, origin),) = store.sql("SELECT reason, origin FROM quarantine").fetchall()
    assert "differs" in reason
    assert origin == f"{path}:4"


def test_rows_of_another_day_are_quarantined_and_prove_no_absence(store: Store, tmp_path: Path) -> None:
    store.ingest(write_flat(tmp_path, [row("A", "09:30"), row("B", "09:30")]))
    path = write_flat(tmp_path / "later", [row("B", "09:30"), row("A", "09:30", day=NEXT_DAY)])
    report = store.ingest(path)
    assert report.quarantined_rows == 1
    assert [ticker for ticker, *_ in bars_of(store)] == ["A", "B"], "nothing was withdrawn"


def test_rows_of_another_day_are_quarantined_beside_the_file_of_that_day_too(store: Store, tmp_path: Path) -> None:
    write_flat(tmp_path, [row("A", "09:30"), row("A", "09:31", 99.0, day=NEXT_DAY)])
    write_flat(tmp_path, [row("A", "09:30", 11.0, day=NEXT_DAY)], day=NEXT_DAY)
    report = store.ingest(tmp_path)
    assert report.quarantined_rows == 1
    assert store.sql("SELECT close FROM bars ORDER BY ts_event").fetchall() == [(10.0,), (11.0,)]
    assert coverage(store) == [("A", "complete", 24), ("A", "partial", 24)]


def test_a_time_between_two_bars_is_quarantined(store: Store, tmp_path: Path) -> None:
    lines = [
        row("A", "09:30"),
        row("A", "09:30", window_start=nanoseconds("09:31") + 1),
        row("A", "09:30", window_start=nanoseconds("09:32") + 5_000_000_000),
    ]
    assert store.ingest(write_flat(tmp_path, lines)).quarantined_rows == 2
    assert len(bars_of(store)) == 1


def test_a_ticker_that_no_folder_can_have_is_quarantined(store: Store, tmp_path: Path) -> None:
    report = store.ingest(write_flat(tmp_path, [row("A", "09:30"), row("B" * 300, "09:30"), row("../../x", "09:30")]))
    assert report.quarantined_rows == 1
    assert store.tickers() == ["../../x", "A"]
    assert {entry.name for entry in store.path.parent.iterdir()} == {"store", "template"}


def test_the_planted_faults_of_a_market_are_quarantined_and_nothing_else(store: Store, tmp_path: Path) -> None:
    market = SyntheticMarket(2, seed=3, faults=Faults(impossible_rows=True))
    planted = [one for one in market.planted_faults("2024-01-01", "2024-12-31") if one.kind == "impossible_row"]
    assert planted
    for one in planted:
        day = pd.Timestamp(one.start_us, unit="us", tz="UTC").tz_convert("America/New_York").date()
        write_flat_files(market, tmp_path / "in", day, day)
    report = store.ingest(tmp_path / "in")
    found = store.sql("SELECT ticker, epoch_us(ts_event) FROM quarantine ORDER BY ALL").fetchall()
    assert found == sorted((one.ticker, one.start_us) for one in planted)
    assert report.quarantined_rows == len(planted)


def test_a_whole_file_is_gzip_compressed_or_not(store: Store, tmp_path: Path) -> None:
    plain = write_flat(tmp_path, [row("A", "09:30")], name=f"{DAY}.csv")
    with gzip.open(write_flat(tmp_path / "b", [row("B", "09:30")]), "rb") as stream:
        assert stream.readline()
    assert store.ingest([plain, tmp_path / "b"]).is_complete
    assert store.tickers() == ["A", "B"]
