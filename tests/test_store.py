"""The public surface of `mtstore` and of `Store`, and its errors."""

from __future__ import annotations

import inspect
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import mtstore
from mtstore.config import load_config
from mtstore.errors import InputError, QueryError, StoreError
from mtstore.storage.settings.apply_config import apply_config
from tests.kits.bar_stores import make_store, minutes, walk

DAY = "2023-11-22"


@pytest.fixture
def store(tmp_path):
    with make_store(tmp_path / "store", {"AAA": walk(minutes(DAY))}) as made:
        yield made


def test_an_unknown_keyword_or_value_is_rejected(store):
    with pytest.raises(TypeError, match="'sesion'"):
        store.align("AAA", "5min", sesion="all")
    with pytest.raises(TypeError, match="'fill_volume'"):
        store.resample("AAA", "5min", fill_volume="zero")
    with pytest.raises(InputError, match="session 'al' is not one of regular, all"):
        store.align("AAA", "5min", session="al")
    with pytest.raises(InputError, match="dtype 'short' is not one of float64, float32"):
        store.tensor("AAA", "1min", DAY, DAY, dtype="short")


def test_ingest_rejects_a_keyword_of_another_way_in_and_lists_the_documented_ones(store):
    frame = store.sql("FROM bars").to_pandas()
    calls = [
        (mtstore.Store.ingest_frame, lambda **options: store.ingest(frame, **options), "refresh_all"),
        (mtstore.Store.ingest_files, lambda **options: store.ingest("x.csv", **options), "cancel"),
        (mtstore.Store.fetch, lambda **options: store.ingest(config={"store": "x"}, start=DAY, **options), "covers"),
    ]
    for method, call, keyword in calls:
        with pytest.raises(InputError, match=f"unknown option '{keyword}'") as caught:
            call(**{keyword: "AAA"})
        valid = str(caught.value).partition("(valid: ")[2].rstrip(")").split(", ")
        assert len(valid) > 5
        documented = (method.__doc__ or "") + (mtstore.Store.ingest_files.__doc__ or "")
        assert [name for name in valid if name not in documented] == []


PUBLIC = {
    *("align", "bars", "close", "compact", "fetch", "fetch_async", "gaps", "ingest", "ingest_files", "ingest_frame"),
    *("ingest_references", "open", "outliers", "path", "publish", "quality", "rebuild", "reconcile", "repair"),
    *("repository", "resample", "snapshot", "sql", "status", "tensor", "tickers", "undo", "verify"),
}


def test_completion_on_a_store_shows_only_documented_public_names(store):
    names = {name for name in dir(store) if not name.startswith("_")}
    assert names == PUBLIC
    assert [name for name in names - {"repository"} if not getattr(mtstore.Store, name).__doc__] == []
    assert "repository\n" in (mtstore.Store.__doc__ or "")
    assert [name for name in vars(store) if name != "repository"] == []


def public_functions():
    yield mtstore.open
    classes = [mtstore.Store, *(getattr(mtstore, name) for name in mtstore.__all__ if name.endswith("Result"))]
    for one in classes:
        for name, member in inspect.getmembers(one):
            if not name.startswith("_") and callable(member):
                yield member


def test_every_public_function_has_typed_parameters_and_no_open_keywords():
    for function in public_functions():
        for parameter in inspect.signature(function).parameters.values():
            where = f"{function.__qualname__}({parameter.name})"
            assert parameter.kind is not inspect.Parameter.VAR_KEYWORD, where
            assert parameter.name == "self" or parameter.annotation is not inspect.Parameter.empty, where


def test_the_order_of_arguments_is_the_same_in_align_resample_and_tensor():
    for method in (mtstore.Store.align, mtstore.Store.resample, mtstore.Store.tensor):
        kinds = [(one.name, one.kind) for one in inspect.signature(method).parameters.values()]
        assert [name for name, kind in kinds if kind is inspect.Parameter.POSITIONAL_OR_KEYWORD] == [
            *("self", "tickers", "interval", "start", "end")
        ]


def test_align_takes_max_age_from_the_applied_configuration_unless_it_is_none(store):
    apply_config(store.repository, load_config({"tickers": ["AAA"], "alignment": {"max_age": "30min"}}))
    assert store.align("AAA", "5min").call.max_age == timedelta(minutes=30)
    assert store.align("AAA", "5min", max_age=None).call.max_age is None
    assert store.align("AAA", "5min", max_age="1h").call.max_age == timedelta(hours=1)


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


def test_a_store_opens_in_a_notebook_kernel_without_widgets(tmp_path):
    # DuckDB takes a process without a main file for a kernel if IPython says so, and asks for ipywidgets there.
    code = (
        "import sys, types; kernel = types.SimpleNamespace(config={'IPKernelApp': {}})\n"
        "module = types.ModuleType('IPython'); module.get_ipython = lambda: kernel\n"
        "sys.modules |= {'IPython': module, 'ipywidgets': None}\n"
        "import duckdb, mtstore\n"
        "with mtstore.open(sys.argv[1], create=True) as store: print(store.tickers())\n"
        "duckdb.connect().execute('SET enable_progress_bar = false')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "s"], check=False, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
    assert "ipywidgets" in done.stderr, "DuckDB took it for a kernel"
