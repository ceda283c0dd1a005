"""What is loaded when: nothing heavy before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"duckdb", "pandas", "numpy", "pyarrow", "polars", "databento", "polygon", "massive", "sqlglot", "pydantic",
         "exchange_calendars", "yaml", "rich", "requests", "aiohttp"}  # fmt: skip


def modules_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after running `code`."""
    ending = "\nimport sys\nprint(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code + ending], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "code",
    [
        "import mtstore",
        "import mtstore; dir(mtstore); mtstore.errors.MtstoreError",
        "from mtstore.cli.main import run; run(['--help'])",
        "from mtstore.cli.main import run; run(['ingest', '--help'])",
    ],
)
def test_neither_the_package_nor_a_help_text_loads_anything_heavy(code: str) -> None:
    loaded = modules_after(code)
    assert "mtstore" in loaded
    assert loaded & HEAVY == set()


def test_files_are_ingested_and_loaded_without_the_vendors_clients_for_the_network(tmp_path: object) -> None:
    code = f"""
import mtstore
from mtstore.synthetic import SyntheticMarket, write_flat_files
files = write_flat_files(SyntheticMarket(["AAA"], seed=1), {str(tmp_path)!r} + "/files", "2023-11-20", "2023-11-21")
with mtstore.open({str(tmp_path)!r} + "/store", create=True) as store:
    store.ingest(files)
    assert store.align(["AAA"], "5min").to_pandas().size
"""
    loaded = modules_after(code)
    assert {"duckdb", "pandas", "pyarrow"} <= loaded
    assert loaded & {"databento", "polygon", "massive", "sqlglot", "polars", "requests", "aiohttp"} == set()
