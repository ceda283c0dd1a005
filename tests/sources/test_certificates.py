"""A certificate that is not trusted stays so: one attempt, and an error that names it and what to set."""

from __future__ import annotations

import pytest

from mtstore.errors import SourceUnavailableError
from mtstore.sources.http.request import RequestContext, RequestStats
from tests.servers.words import span

DAY = span("2024-03-04", "2024-03-05")


@pytest.mark.parametrize("provider", ["polygon", "databento"])
def test_a_certificate_that_is_not_trusted_is_not_tried_again(
    databento, databento_source, polygon_source, monkeypatch, provider
):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    source = databento_source() if provider == "databento" else polygon_source(base_url=databento.url)
    stats = RequestStats()
    with pytest.raises(SourceUnavailableError, match=r"certificate is not trusted \(.*set REQUESTS_CA_BUNDLE"):
        list(source.fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY, stats=stats)))
    assert (stats.requests, stats.retries) == (1, 0)
    assert databento.requests == []
