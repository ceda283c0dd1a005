"""Published copies: what they answer equals the store, wherever its files are by then."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import mtstore
from mtstore import Store
from mtstore.errors import InputError, StoreError
from mtstore.storage.views import file_groups
from tests.kits import damage
from tests.kits.store_paths import StorePlace

QUERIES = (
    "FROM bars ORDER BY ALL",
    "FROM tickers ORDER BY ALL",
    "FROM coverage ORDER BY ALL",
    "FROM quarantine ORDER BY ALL",
    "FROM revisions ORDER BY ALL",
    "FROM resampled(['A', 'B'], '5min', session := 'all') ORDER BY ALL",
    "FROM aligned_outer(NULL, '1h', session := 'all') ORDER BY ALL",
    "FROM gaps(['A'], 5) ORDER BY ALL",
    "SELECT ticker, count(*) FROM bars WHERE ticker = 'BTC/USD' AND year = 2024 GROUP BY ALL",
    "SELECT comment FROM duckdb_views() WHERE view_name = 'bars' AND database_name = current_database()",
)


@pytest.fixture(scope="module", params=[False, True], ids=["listed", "grouped"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorePlace]:
    """A store below a folder whose name needs quoting, with its files listed in views or grouped in macros."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param:
            patch.setattr(file_groups, "GROUPED_ABOVE", 1)
        yield StorePlace(damage.make(tmp_path_factory.mktemp("it's here") / "store"))


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with mtstore.open(place.fresh()) as opened:
        yield opened


def answers(path: Path, *first: str) -> list[list[tuple[object, ...]]]:
    with duckdb.connect(path, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in first:
            connection.execute(statement)
        return [connection.execute(query).fetchall() for query in QUERIES]


def test_a_copy_as_it_is_reads_the_stores_files(store: Store, tmp_path: Path) -> None:
    copy = store.publish(tmp_path / "copy.duckdb")
    assert answers(copy) == answers(store.path / "market.duckdb")
    assert not copy.stat().st_mode & 0o222
    assert list(tmp_path.iterdir()) == [copy]


def test_a_materialized_copy_needs_no_other_file(store: Store, tmp_path: Path) -> None:
    expected = answers(store.path / "market.duckdb")
    copy = store.publish(tmp_path / "copy.duckdb", materialize=True)
    shutil.rmtree(store.path)
    assert answers(copy) == expected


def test_a_copy_with_a_prefix_reads_the_store_where_it_is_mounted(store: Store, tmp_path: Path) -> None:
    expected = answers(store.path / "market.duckdb")
    mounted = tmp_path / "mnt's" / "store"
    copy = store.publish(tmp_path / "copy.duckdb", path_prefix=str(mounted))
    mounted.parent.mkdir()
    shutil.copytree(store.path, mounted, symlinks=True)
    shutil.rmtree(store.path)
    assert answers(copy) == expected
    mounted.rename(tmp_path / "elsewhere")
    with pytest.raises(duckdb.IOException, match="mnt"):
        answers(copy)
    assert answers(copy, f"SET VARIABLE mtstore_root = '{tmp_path}/elsewhere'") == expected


def test_a_copy_is_replaced_in_one_step_and_follows_the_store(store: Store, tmp_path: Path) -> None:
    copy = store.publish(tmp_path / "copy.duckdb", materialize=True)
    with duckdb.connect(copy, read_only=True) as reader:
        before = reader.execute("SELECT count(*) FROM bars").fetchone()
        store.compact()
        store.publish(copy, materialize=True)
        assert reader.execute("SELECT count(*) FROM bars").fetchone() == before
    assert answers(copy) == answers(store.path / "market.duckdb")


def test_an_empty_store_can_be_published(tmp_path: Path) -> None:
    variants: list[dict[str, Any]] = [{}, {"materialize": True}, {"path_prefix": "/mnt/store"}]
    with mtstore.open(tmp_path / "store", create=True) as store:
        for number, options in enumerate(variants):
            copy = store.publish(tmp_path / f"{number}.duckdb", **options)
            with duckdb.connect(copy, read_only=True) as connection:
                assert connection.execute("SELECT count(*) FROM bars").fetchone() == (0,)


def test_what_cannot_be_published_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with mtstore.open(tmp_path / "store", create=True) as store:
        refused: list[tuple[Path, dict[str, Any], str]] = [
            (store.path / "copy.duckdb", {}, "inside the store"),
            (tmp_path, {}, "a file in a folder that exists"),
            (tmp_path / "none" / "copy.duckdb", {}, "a file in a folder that exists"),
            (tmp_path / "copy.duckdb", {"path_prefix": "mnt"}, "'mnt'"),
            (tmp_path / "copy.duckdb", {"path_prefix": "/mnt", "materialize": True}, "one of both"),
        ]
        for target, options, said in refused:
            with pytest.raises(InputError, match=said):
                store.publish(target, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("options", [{"materialize": True}, {"path_prefix": "/elsewhere"}])
def test_a_data_file_that_is_gone_is_an_error_of_ours_and_leaves_no_copy(
    store: Store, tmp_path: Path, options: dict[str, Any]
) -> None:
    next(store.path.glob("data/schema=ohlcv-1m/**/*.parquet")).unlink()
    with pytest.raises(StoreError, match="is gone, and the store did not delete it"):
        store.publish(tmp_path / "copy.duckdb", **options)
    assert list(tmp_path.iterdir()) == []
