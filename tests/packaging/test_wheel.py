"""The wheel: it has the code and the SQL, nothing else, and works where there is no checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAKE_AND_ASK = """
import sys, pathlib
import mtstore
from mtstore.shipped_files import shipped_folder

assert pathlib.Path(mtstore.__file__).is_relative_to(sys.argv[1]), mtstore.__file__
for name in ("sql", "configs"):
    assert shipped_folder(name).is_relative_to(sys.argv[1]), shipped_folder(name)
with mtstore.open(sys.argv[2], create=True) as store:
    print(store.sql("SELECT count(*) FROM bars").fetchall())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_the_sql_and_the_configs_byte_for_byte_and_nothing_else(wheel: Path) -> None:
    code = {path.relative_to(ROOT): path for path in (ROOT / "mtstore").rglob("*") if path.suffix != ".pyc"}
    beside = (path for folder in ("sql", "configs") for path in (ROOT / folder).rglob("*"))
    shipped = {Path("mtstore") / path.relative_to(ROOT): path for path in beside}
    expected = {str(name): path.read_bytes() for name, path in (code | shipped).items() if path.is_file()}
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    assert held == expected
    assert sum(name.endswith(".sql") for name in held) > 100


def test_a_store_is_made_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        entry_points = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "mtstore = mtstore.cli.main:main" in archive.read(entry_points).decode()
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r})\n{MAKE_AND_ASK}", site, tmp_path / "s"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[(0,)]"
