"""DuckDB clients of other versions, each installed into its own folder, and processes that use them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.kits.stores import process

OURS = "ours"


def install(version: str, folder: Path) -> Path:
    """Install a version of DuckDB below `folder` with pip; return the folder to put on `sys.path`.

    Older versions need pytz to give instants as Python objects, and do not say so in their packages.
    """
    target = folder / f"duckdb-{version}"
    if not target.exists():
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
        packages = [f"duckdb=={version}", "pytz"]
        subprocess.run([*command, "--target", str(target), *packages], check=True, capture_output=True, timeout=300)
    return target


def client(code: str, version: str, folder: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python process that runs `code` with a version of DuckDB (`ours`: the installed one)."""
    if version == OURS:
        return process("import duckdb\n" + code, *arguments)
    check = f"import duckdb\nassert duckdb.__version__ == {version!r}, duckdb.__version__\n"
    path = install(version, folder)
    return process(f"sys.path.insert(0, {str(path)!r})\n{check}{code}", *arguments)
