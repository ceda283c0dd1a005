"""Calls to Polygon with one key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from mtstore.sources.http.failures import Failure, connection_failure
from mtstore.sources.http.session import VendorSession
from mtstore.sources.http.settings import NetworkSettings
from mtstore.sources.polygon.client import make_client

T = TypeVar("T")

_ATTEMPT_TIMEOUTS = 10


class PolygonSession(VendorSession):
    """One Polygon key at one address; threads share it."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__(settings)
        # Responses are a few megabytes: one that trickles in for minutes will not end.
        if settings.retry.attempt_seconds is None:
            self._policy = replace(settings.retry, attempt_seconds=_ATTEMPT_TIMEOUTS * settings.timeout_seconds)

    def _make_client(self, key: str) -> tuple[Any, tuple[type[Exception], ...]]:
        import urllib3

        return make_client(self.settings, key), (urllib3.exceptions.HTTPError, OSError)

    def _send(self, work: Callable[[Any], T], client: Any, given_up: threading.Event) -> T:
        client.client.end_requests_when(given_up)
        return work(client)

    @staticmethod
    def classify(error: Exception) -> Failure:
        # The transport judges statuses and bodies itself; other exceptions come from the connection.
        return connection_failure(error)
