"""Servers on this machine and sources that talk to them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mtstore.sources.databento.source import DatabentoSource
from mtstore.sources.http.settings import NetworkSettings, Secret
from mtstore.sources.polygon.source import PolygonSource
from tests.servers.configs import QUICK
from tests.servers.databento import KEY as DATABENTO_KEY
from tests.servers.databento import DatabentoServer
from tests.servers.polygon import KEY as POLYGON_KEY
from tests.servers.polygon import PolygonServer
from tests.servers.tls import has_openssl, make_certificates

NOW = datetime(2024, 6, 1, tzinfo=UTC).timestamp()


@pytest.fixture
def polygon():
    with PolygonServer() as server:
        yield server


@pytest.fixture
def polygon_source(polygon):
    def make(*, now: float = NOW, **changes) -> PolygonSource:
        known = {
            "source": "polygon",
            "provider": "polygon",
            "api_key": Secret(POLYGON_KEY),
            "base_url": polygon.url,
            "timeout_seconds": 20.0,
            "retry": QUICK,
        }
        return PolygonSource(NetworkSettings(**{**known, **changes}), clock=lambda: now)

    return make


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    if not has_openssl():
        pytest.skip("the openssl command is not installed: no test authority for https")
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def databento(certificates, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    with DatabentoServer(certificates) as server:
        yield server


@pytest.fixture
def databento_source(databento):
    def make(*, now: float = NOW, **changes) -> DatabentoSource:
        known = {
            "source": "databento-xnas.itch",
            "provider": "databento",
            "api_key": Secret(DATABENTO_KEY),
            "gateway": databento.url,
            "dataset": "XNAS.ITCH",
            "timeout_seconds": 20.0,
            "retry": QUICK,
        }
        return DatabentoSource(NetworkSettings(**{**known, **changes}), clock=lambda: now)

    return make
