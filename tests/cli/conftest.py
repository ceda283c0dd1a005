from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mtstore.cli.main import run

TICKERS = ("AAA", "BBB")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def mtstore_cli(capsysbinary, monkeypatch) -> Callable[..., Outcome]:
    """Runs the command line in this process, as `main` does, and gives what it wrote."""
    monkeypatch.delenv("MTSTORE_DEBUG", raising=False)

    def call(*arguments: object) -> Outcome:
        capsysbinary.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsysbinary.readouterr()
        return Outcome(int(code), captured.out.decode(), captured.err.decode())

    return call


@pytest.fixture(scope="session")
def flat_files(tmp_path_factory) -> list[Path]:
    from mtstore.synthetic import Faults, SyntheticMarket, write_flat_files

    market = SyntheticMarket(TICKERS, seed=3, faults=Faults.none())
    return write_flat_files(market, tmp_path_factory.mktemp("flat"), "2023-11-22", "2023-11-24")


@pytest.fixture(scope="session")
def market(tmp_path_factory, flat_files) -> Path:
    """A store of two tickers and two sessions (the second a half day); tests only read it."""
    path: Path = tmp_path_factory.mktemp("market") / "store"
    assert run(["ingest", str(path), *map(str, flat_files), "--create", "--quiet"]) == 0
    return path
