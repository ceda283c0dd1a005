"""Calls to Polygon with one key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from mtstore.sources.http.retry import Failure
from mtstore.sources.http.session import VendorSession
from mtstore.sources.http.settings import RetryPolicy
from mtstore.sources.polygon.client import make_client

T = TypeVar("T")

_ATTEMPT_TIMEOUTS = 10


class PolygonSession(VendorSession):
    """One Polygon key at one address; threads share it."""

    def _make_client(self, key: str) -> tuple[Any, tuple[type[Exception], ...]]:
        import urllib3

        return make_client(self.settings, key), (urllib3.exceptions.HTTPError, OSError)

    def _attempt(self, work: Callable[[Any], T], client: Any, given_up: threading.Event) -> T:
        client.client.end_requests_when(given_up)
        return work(client)

    def _policy(self) -> RetryPolicy:
        # Responses are a few megabytes: one that trickles in for minutes will not end.
        policy = self.settings.retry
        if policy.attempt_seconds is not None:
            return policy
        return replace(policy, attempt_seconds=_ATTEMPT_TIMEOUTS * self.settings.timeout_seconds)

    @staticmethod
    def _classify(error: Exception) -> Failure:
        # The transport judges statuses and bodies itself; other exceptions come from the connection.
        return Failure("unavailable", f"incomplete response: {type(error).__name__}: {error}", error=error)
