"""Custom files of one run are one answer: they complete each other, and must not disagree on a bar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mtstore
from mtstore import IngestWarning
from mtstore.cli.exit_codes import Exit
from mtstore.cli.main import run as run_command
from tests.kits.stores import bars_of

HEADER = "ts_event,open,high,low,close,volume\n"
MAPPING = {"schema": "ohlcv-1m", "ticker": "AAPL"}


@pytest.fixture
def store(tmp_path: Path) -> mtstore.Store:
    return mtstore.open(tmp_path / "store", create=True)


def write(folder: Path, name: str, *rows: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


ONE = "2023-11-03 13:30,100,101,99,100,100"
OTHER = "2023-11-03 13:30,300,301,299,300,100"
NEXT = "2023-11-03 13:31,100,101,99,100,100"


def test_one_constant_ticker_for_files_of_several_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    paths = [write(tmp_path / "files", "AAPL.csv", NEXT, ONE), write(tmp_path / "files", "MSFT.csv", OTHER, NEXT)]
    (tmp_path / "map.yaml").write_text("schema: ohlcv-1m\nticker: AAPL\n")
    folder = str(tmp_path / "store")
    options = ["--create", "-q", "--map", str(tmp_path / "map.yaml")]
    assert run_command(["ingest", folder, str(tmp_path / "files"), *options]) == Exit.REJECTED
    shown = capfd.readouterr().err
    assert all(str(path) in shown for path in paths)
    assert "2023-11-03T13:30" in shown
    assert "ticker_from: file" in shown
    with mtstore.open(folder) as store:
        assert bars_of(store) == []


def test_files_beside_a_conflict_go_in(store: mtstore.Store, tmp_path: Path) -> None:
    for name, row in (("1.csv", ONE), ("2.csv", OTHER), ("3.csv", NEXT)):
        write(tmp_path / "files", name, row)
    with pytest.warns(IngestWarning, match="differs from that of"):
        result = store.ingest_files(tmp_path / "files", mapping=MAPPING)
    assert sorted((Path(one.path).name, one.status) for one in result.files) == [
        ("1.csv", "rejected"),
        ("2.csv", "rejected"),
        ("3.csv", "ingested"),
    ]
    assert len(bars_of(store)) == 1


def test_months_of_one_ticker_complete_each_other(store: mtstore.Store, tmp_path: Path) -> None:
    write(tmp_path / "files", "AAPL-2023-10.csv", "2023-10-02 13:30,100,101,99,100,100")
    write(tmp_path / "files", "AAPL-2023-11.csv", ONE)
    covers = ("2023-10-01", "2023-11-30")
    assert store.ingest_files(tmp_path / "files", mapping=MAPPING, covers=covers).is_complete
    assert len(bars_of(store)) == 2, "the second file must not withdraw the first one's bars"
    assert store.ingest_files(tmp_path / "files", mapping=MAPPING, covers=covers).rows == 0, "both are known"


@pytest.mark.parametrize("covers", [("2023-10-01", "2023-12-31"), "auto"])
def test_a_new_file_beside_known_ones_withdraws_none_of_their_bars(
    store: mtstore.Store, tmp_path: Path, covers: Any
) -> None:
    write(tmp_path / "files", "1.csv", ONE, "2023-11-03 13:33,1,2,0.5,1.5,100")
    store.ingest_files(tmp_path / "files", mapping=MAPPING, covers=covers)
    write(tmp_path / "files", "2.csv", "2023-11-03 13:29,1,2,0.5,1.5,100", "2023-11-03 13:34,1,2,0.5,1.5,100")
    for statuses in (["ingested", "ingested"], ["unchanged", "unchanged"]):
        result = store.ingest_files(tmp_path / "files", mapping=MAPPING, covers=covers)
        assert [file.status for file in result.files] == statuses
        assert len(bars_of(store)) == 4


def test_equal_bars_of_two_files_are_one(store: mtstore.Store, tmp_path: Path) -> None:
    write(tmp_path / "files", "1.csv", ONE, NEXT)
    write(tmp_path / "files", "2.csv", NEXT, "2023-11-03 13:32,1,2,0.5,1.5,100")
    result = store.ingest_files(tmp_path / "files", mapping=MAPPING)
    assert (result.is_complete, result.rows, result.collapsed_rows) == (True, 3, 1)


def test_a_later_run_revises(store: mtstore.Store, tmp_path: Path) -> None:
    store.ingest_files(write(tmp_path / "files", "1.csv", ONE), mapping=MAPPING)
    store.ingest_files(write(tmp_path / "files", "2.csv", OTHER), mapping=MAPPING)
    assert store.sql("SELECT old_close, new_close FROM revisions").fetchall() == [(100.0, 300.0)]
