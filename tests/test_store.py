"""`Store`: what is said of wrong options, how answers look, and that a check of all files is a method away."""

from __future__ import annotations

from pathlib import Path

import pytest

import mtstore
from mtstore.errors import InputError, QueryError, StoreError
from tests.kits.bar_stores import make_store, minutes, walk

DAY = "2023-11-22"


@pytest.fixture
def store(tmp_path):
    with make_store(tmp_path / "store", {"AAA": walk(minutes(DAY))}) as made:
        yield made


def test_an_option_that_there_is_not_is_refused_with_the_nearest_one(store):
    with pytest.raises(InputError, match=r"'sesion'.*did you mean 'session'"):
        store.align("AAA", "5min", sesion="all")
    with pytest.raises(InputError, match=r"'fill_volume'.*valid: session, anchor"):
        store.resample("AAA", "5min", fill_volume="zero")
    with pytest.raises(InputError, match="dtype 'short' is not one of float64, float32"):
        store.tensor("AAA", DAY, DAY, dtype="short")


def test_an_option_of_ingest_that_there_is_not_is_refused_too_and_all_that_there_are_are_documented(store, tmp_path):
    frame = store.sql("FROM bars").to_pandas()
    for given, options in (((frame,), {}), (("x.csv",), {}), ((), {"config": {"store": "x"}, "start": DAY})):
        with pytest.raises(InputError, match=r"unknown option 'tickr'; did you mean 'ticker") as caught:
            store.ingest(*given, **options, tickr="AAA")
        valid = str(caught.value).partition("(valid: ")[2].rstrip(")").split(", ")
        assert len(valid) > 5
        assert [name for name in valid if f"`{name}`" not in str(mtstore.Store.ingest.__doc__)] == []


def test_what_a_macro_refuses_is_said_in_its_own_words(store):
    with pytest.raises(QueryError) as caught:
        store.resample("AAB", "5min").to_arrow()
    assert str(caught.value).startswith("tickers: unknown ticker 'AAB'; did you mean 'AAA'?")


def test_an_answer_shows_its_statement_without_comments_and_in_one_line(store):
    assert repr(store.sql("-- all of it\nSELECT *\nFROM bars")) == "Result('SELECT * FROM bars')"
    assert "\\n" not in repr(store.status())
    assert len(repr(store.status())) < 120


def test_verify_reads_every_file_and_names_the_one_that_is_damaged(store):
    found = store.verify()
    assert found.is_sound
    assert found.rows >= 390
    (path,) = (store.path / "data").rglob("*.parquet")
    path.chmod(0o644)
    damaged = bytearray(path.read_bytes())
    damaged[100] ^= 0xFF
    path.write_bytes(damaged)
    problems = store.verify().problems
    assert str(path.relative_to(store.path)) in {problem.path for problem in problems}


def test_types_are_shipped_and_names_complete():
    assert (Path(mtstore.__file__).parent / "py.typed").is_file()
    assert dir(mtstore) == sorted(mtstore.__all__)
    for name in mtstore.__all__:
        assert getattr(mtstore, name) is not None
        if name[0].isupper():
            assert getattr(mtstore, name).__doc__, name


def test_a_store_that_was_closed_says_so(tmp_path):
    with mtstore.open(tmp_path / "store", create=True) as store:
        store.status().to_arrow()
    with pytest.raises(StoreError, match="was closed; open it again"):
        store.status().to_arrow()
    store.close()
