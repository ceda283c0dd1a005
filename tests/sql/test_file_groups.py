"""Where a schema has very many files, macros read those of their own tickers alone, and answer the same."""

from __future__ import annotations

import shutil

import duckdb
import pytest

import mtstore
from mtstore.storage.repository import Repository
from mtstore.storage.views import file_groups
from tests.kits.bar_stores import add_bars, make_store, minutes, walk

NAMES = ("AAA", "BBB", "NULL", "TRUE", "o'q", 'x"y', "ÄÖ", "001")
TIMES = [at for day in ("2022-12-29", "2022-12-30", "2023-01-03") for at in minutes(day)]


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """Two files a ticker, listed as one."""
    tables = {name: walk(TIMES[number :: number + 2], seed=number) for number, name in enumerate(NAMES)}
    with make_store(tmp_path_factory.mktemp("listed") / "store", tables, covers=("2022-12-01", "2023-02-01")) as store:
        add_bars(store, {"AAA": walk(TIMES[::100])}, schema="ohlcv-1d", covers=("2022-12-01", "2023-02-01"))
        return store.path


@pytest.fixture(scope="module")
def grouped(listed, tmp_path_factory):
    """The same store, its files in groups."""
    place = tmp_path_factory.mktemp("grouped") / "store"
    _copy_in_groups(listed, place)
    return place


def _copy_in_groups(path, place):
    shutil.copytree(path, place, symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_groups, "GROUPED_ABOVE", 3)
        Repository.rebuild_at(place)


def _client(path):
    return duckdb.connect(str(path / "market.duckdb"), read_only=True)


CALLS = [
    "FROM aligned_outer(['AAA', 'o''q', 'x\"y'], '5min', start_ts := DATE '2022-12-29', end_ts := DATE '2023-01-03')",
    "FROM aligned_ffill(['NULL', 'TRUE', '001', 'ÄÖ'], '1min', start_ts := DATE '2022-12-30')",
    "FROM resampled(NULL, '1h')",
    "FROM resampled([], '1d')",
    "FROM resampled(['BBB', 'AAA'], '1w')",
    "FROM gaps(['BBB'], 1)",
    "FROM quality(['AAA', 'BBB'], 5)",
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("call", CALLS)
def test_answers_do_not_depend_on_how_files_are_found(listed, grouped, call):
    answers = []
    for path in (listed, grouped):
        with _client(path) as client:
            answers.append(sorted(map(repr, client.execute(call).fetchall())))
    assert answers[0] == answers[1]
    assert answers[0]


@pytest.mark.parametrize("tickers", ["$1", "getvariable('wanted')"])
def test_tickers_may_be_parameters_and_variables(grouped, tickers):
    with _client(grouped) as client:
        client.execute("SET VARIABLE wanted = ['AAA', 'BBB']")
        values = [["AAA", "BBB"]] if tickers == "$1" else []
        rows = client.execute(f"SELECT DISTINCT ticker FROM resampled({tickers}, '5min') ORDER BY 1", values)
        assert rows.fetchall() == [("AAA",), ("BBB",)]


def test_a_prepared_statement_takes_other_tickers_each_time(grouped):
    with _client(grouped) as client:
        client.execute("PREPARE counting AS SELECT count(DISTINCT ticker) FROM resampled($1, '5min')")
        assert client.execute("EXECUTE counting(['AAA'])").fetchone() == (1,)
        assert client.execute("EXECUTE counting(['BBB', 'o''q'])").fetchone() == (2,)


def test_an_unknown_ticker_is_refused_by_name(grouped):
    with _client(grouped) as client, pytest.raises(duckdb.Error, match="unknown ticker 'AAB'; did you mean 'AAA'"):
        client.execute("FROM resampled(['AAB'], '5min')").fetchall()


def test_every_file_is_in_the_group_of_its_ticker(grouped):
    with _client(grouped) as client:
        rows = client.execute("SELECT ticker, path FROM files WHERE schema = 'ohlcv-1m'").fetchall()
        for ticker, path in rows:
            (group,) = client.execute("SELECT md5($1)[1:2]", [ticker]).fetchone()
            assert f"{grouped}/{path}" in client.execute(f"SELECT core.files_ohlcv_1m_{group}()").fetchone()[0]
        assert len(rows) == 2 * len(NAMES)


def test_a_call_reads_the_files_of_its_groups_and_no_others(grouped):
    with _client(grouped) as client:
        (statement,) = client.execute("SELECT core.bars_ohlcv_1m_of(['AAA'])").fetchone()
        files = client.execute(f"SELECT DISTINCT filename FROM ({statement})".replace(
            "hive_partitioning = true", "hive_partitioning = true, filename = true"
        ).replace("SELECT ticker,", "SELECT filename, ticker,")).fetchall()  # fmt: skip
    assert len(files) < 2 * len(NAMES)
    assert sum("ticker=AAA" in name for (name,) in files) == 2


def test_groups_go_when_files_are_few_again(listed, tmp_path):
    place = tmp_path / "store"
    _copy_in_groups(listed, place)
    with mtstore.open(place) as store:  # which lists so few files as one
        add_bars(store, {"AAA": walk(minutes("2023-01-04"))})
    with _client(place) as client:
        macros = (
            "SELECT count(*) FROM duckdb_functions() WHERE function_name SIMILAR TO 'files_ohlcv.*|bars_ohlcv.*_of'"
        )
        assert client.execute(macros).fetchone() == (0,)
        assert client.execute("SELECT count(*) FROM resampled(['AAA'], '5min')").fetchone() > (0,)
