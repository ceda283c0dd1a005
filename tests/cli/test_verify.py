"""`verify`, `repair` and `publish` on the command line: what they print, and their exit codes."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from mtstore.cli.exit_codes import Exit
from tests.kits import damage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return damage.make(tmp_path / "store")


def test_verify_finds_and_repair_mends(root, mtstore_cli):
    sound = mtstore_cli("verify", root)
    assert (sound.code, sound.out) == (Exit.OK, "")
    assert "no problem" in sound.err
    assert "checking" in sound.err
    path = damage.files(root)["data"][0]
    damage.overwrite(path, b"?")
    found = mtstore_cli("verify", root, "--quiet")
    assert found.code == Exit.DAMAGED
    assert [line.partition(": ")[0] for line in found.out.splitlines()] == [str(path.relative_to(root))]
    assert "checking" not in found.err
    mended = mtstore_cli("repair", root, "--quiet")
    assert mended.code == Exit.OK
    assert [line.partition(": ")[0] for line in mended.out.splitlines()] == [str(path.relative_to(root))]
    assert "no longer covered: A ohlcv-1m of polygon, 1 range" in mended.err
    assert f"1 file moved to {root}/damaged/" in mended.err
    assert mtstore_cli("verify", root).code == Exit.OK
    again = mtstore_cli("repair", root)
    assert (again.code, again.out) == (Exit.OK, "")
    assert "nothing to repair" in again.err


@pytest.mark.parametrize("verb", ["verify", "repair"])
def test_there_must_be_a_store(tmp_path, mtstore_cli, verb):
    shown = mtstore_cli(verb, tmp_path / "none")
    assert shown.code == Exit.STORE
    assert "no store at" in shown.err


def test_publish_writes_a_copy(root, tmp_path, mtstore_cli):
    copy = tmp_path / "copy.duckdb"
    shown = mtstore_cli("publish", root, "--to", copy, "--materialize")
    assert (shown.code, shown.out) == (Exit.OK, "")
    with duckdb.connect(copy, read_only=True) as connection:
        assert connection.execute("SELECT count(*) > 300 FROM bars").fetchone() == (True,)
    refused = mtstore_cli("publish", root, "--to", copy, "--path-prefix", "mnt")
    assert refused.code == Exit.USAGE
    assert "'mnt'" in refused.err
