"""Options of the whole suite, and an environment without settings or keys of the person who runs it."""

from __future__ import annotations

import os

import pytest

pytest_plugins = ["tests.kits.store_paths", "tests.servers.fixtures"]

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_PRIVATE = ("MTSTORE_", "POLYGON_", "MASSIVE_", "DATABENTO_")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=200, help="how many random kills the slow soak test does")
    parser.addoption("--seconds", type=float, default=60.0, help="how long the slow test of concurrent load lasts")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting and no key leaks into a test."""
    for name in os.environ:
        if name.startswith(_PRIVATE) or name.upper() in _PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
