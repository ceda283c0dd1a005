"""Options and hypothesis profiles of the whole suite, and an environment without private settings or keys."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings

pytest_plugins = ["tests.kits.store_paths", "tests.servers.fixtures"]

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_PRIVATE = ("MTSTORE_", "POLYGON_", "MASSIVE_", "DATABENTO_")

# The default suite takes the same examples in every run. `--hypothesis-profile=explore` looks for new ones, and prints
# a decorator that reproduces a failure.
settings.register_profile("repeat", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", database=None, deadline=None, print_blob=True)
settings.load_profile("repeat")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process a run of neighbouring tests, so that it makes few of the modules' stores."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the cases of a test beyond its `sampled` number to the slow tier; the kept ones are evenly spread."""
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("sampled") and not item.get_closest_marker("slow"):
            tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for cases in tests.values():
        (count,) = next(cases[0].iter_markers("sampled")).args
        kept = {number * len(cases) // count for number in range(count)}
        for number, case in enumerate(cases):
            if number not in kept:
                case.add_marker(pytest.mark.slow)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=200, help="how many random kills the slow soak test does")
    parser.addoption("--seconds", type=float, default=60.0, help="how long the slow test of concurrent load lasts")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove settings, keys and proxies from the environment."""
    for name in os.environ:
        if name.startswith(_PRIVATE) or name.upper() in _PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
