"""Tickers as path components: back and forth, and never out of the store."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtstore import Store
from mtstore.errors import InputError, TickerError
from mtstore.storage.layout import Layout, Partition, check_source_name, decode_ticker, encode_ticker, new_id
from tests.kits.stores import answer, data_files, known_files, minutes, write

ODD_TICKERS = [
    "BRK.B",
    "X:BTCUSD",
    "BTC/USD",
    "TRUE",
    "NA",
    "NAN",
    "NULL",
    "null",
    "__HIVE_DEFAULT_PARTITION__",
    "O'X",
    "BACpB",
    "BACPB",
    "../../x",
    "..",
    ".",
    "001",
    "1E5",
    'A"B',
    "A%42",
    "A=B",
    "ES.c.0",
    "ESZ4 C4500",
    "中国",
    "a;DROP TABLE core.files",
    "{{files}}",
]


@given(st.text(min_size=1, max_size=60))
def test_every_ticker_that_can_be_encoded_comes_back(ticker: str) -> None:
    try:
        encoded = encode_ticker(ticker)
    except TickerError:
        return
    assert decode_ticker(encoded) == ticker
    assert PurePosixPath(f"data/{encoded}").parts == ("data", encoded)
    assert encoded not in {".", ".."}
    assert encoded.isascii()
    assert encoded.isprintable()
    assert len(encoded) <= 240


@given(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8))
def test_different_tickers_have_different_folders_even_where_case_is_ignored(one: str, other: str) -> None:
    try:
        folders = [encode_ticker(ticker).lower() for ticker in (one, other)]
    except TickerError:
        return
    assert (folders[0] == folders[1]) == (one == other)


@pytest.mark.parametrize("ticker", ["", " AAPL", "AAPL ", "A\0B", "A\nB", "\x7f", "A" * 300, "中" * 100, "\ud800"])
def test_a_ticker_that_no_file_system_takes_is_refused(ticker: str) -> None:
    with pytest.raises(TickerError):
        encode_ticker(ticker)


@pytest.mark.parametrize("source", ["", "Polygon", "a/b", "..", ".a", "a b", "a" * 65, "a\0", "é"])
def test_a_source_name_that_is_no_plain_folder_is_refused(source: str) -> None:
    with pytest.raises(InputError):
        check_source_name(source)


def test_source_names_of_vendors_are_taken() -> None:
    for source in ("polygon", "databento-xnas.itch", "databento-glbx.mdp3"):
        assert check_source_name(source) == source


def test_daily_partitions_have_no_year_and_others_do() -> None:
    assert Partition("ohlcv-1m", "polygon", "AAPL", 2024).folder == (
        "data/schema=ohlcv-1m/source=polygon/ticker=AAPL/year=2024"
    )
    assert Partition("ohlcv-1d", "polygon", "AAPL", None).folder == "data/schema=ohlcv-1d/source=polygon/ticker=AAPL"
    for schema, year in (("ohlcv-1m", None), ("ohlcv-1d", 2024)):
        with pytest.raises(InputError):
            Partition(schema, "polygon", "AAPL", year)


def test_ids_are_never_the_same_and_later_ones_sort_later() -> None:
    ids = [new_id() for _ in range(1_000)]
    assert len(set(ids)) == len(ids)
    assert [one[:14] for one in ids] == sorted(one[:14] for one in ids)


def test_odd_tickers_are_stored_under_the_store_and_read_back_as_they_were(store: Store) -> None:
    write(store, *(answer(ticker, {0: float(number + 1)}, minutes(0, 5)) for number, ticker in enumerate(ODD_TICKERS)))
    rows = store.sql("SELECT ticker, close FROM bars ORDER BY close").fetchall()
    assert rows == [(ticker, float(number + 1)) for number, ticker in enumerate(ODD_TICKERS)]
    assert known_files(store) == data_files(store.path)
    for ticker in ODD_TICKERS:
        found = store.sql("SELECT count(*) FROM bars WHERE ticker = ?", [ticker]).fetchall()
        assert found == [(1,)], ticker
    assert {entry.name for entry in store.path.parent.iterdir()} == {"store", "template"}
    assert sorted(store.tickers()) == sorted(ODD_TICKERS)


def test_a_public_link_that_points_elsewhere_is_no_generation(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert layout.published_snapshot() is None
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "market.duckdb").touch()
    layout.public_link.symlink_to("other/market.duckdb")
    assert layout.published_snapshot() is None
