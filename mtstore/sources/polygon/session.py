"""Calls to Polygon with one key: the client is made when first needed, and every call goes through the limiter."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn, TypeVar

from mtstore.sources.http.rate_limit import Limiter
from mtstore.sources.http.retry import CallFailedError, Failure, RequestContext, RetryingCaller
from mtstore.sources.http.settings import NetworkSettings, RetryPolicy, Secret
from mtstore.sources.polygon.client import Transport, make_client

T = TypeVar("T")

_ATTEMPT_TIMEOUTS = 10


class PolygonSession:
    """One key at one address; threads share it."""

    def __init__(self, settings: NetworkSettings) -> None:
        self.settings = settings
        self._limiter = Limiter(
            requests_per_minute=settings.requests_per_minute, max_concurrency=settings.max_concurrency
        )
        self._opening = threading.Lock()
        self._opened: tuple[Any, Transport, RetryingCaller] | None = None

    def call(self, work: Callable[[Any], T], context: RequestContext) -> T:
        """The value of `work`, which makes one request with the client it is given.

        Raises
        ------
        CallFailedError
            After all retries; `fail` turns it into a SourceError.
        """
        client, transport, caller = self._open()

        def attempt(given_up: threading.Event) -> T:
            transport.serve(given_up)
            return work(client)

        return caller.call(attempt, context)

    def ask(self, work: Callable[[Any], T], context: RequestContext) -> T:
        """As `call`, but a failure is a SourceError."""
        try:
            return self.call(work, context)
        except CallFailedError as error:
            self.fail(error)

    def fail(self, error: CallFailedError) -> NoReturn:
        """Raise the SourceError that a failed call amounts to."""
        self._open()[2].fail(error)

    def _policy(self) -> RetryPolicy:
        """The settings' policy; answers are a few megabytes, and one that trickles for minutes will not end."""
        policy = self.settings.retry
        if policy.attempt_seconds is not None:
            return policy
        return replace(policy, attempt_seconds=_ATTEMPT_TIMEOUTS * self.settings.timeout_seconds)

    def _open(self) -> tuple[Any, Transport, RetryingCaller]:
        with self._opening:
            if self._opened is None:
                import urllib3

                secret = self.settings.api_key or Secret("")
                client, transport = make_client(self.settings, secret)
                caller = RetryingCaller(
                    source=self.settings.source,
                    secret=secret,
                    limiter=self._limiter,
                    policy=self._policy(),
                    foreign=(urllib3.exceptions.HTTPError, OSError),
                    classify=_classify,
                )
                self._opened = (client, transport, caller)
            return self._opened


def _classify(error: Exception) -> Failure:
    # Statuses and contents are judged before the client sees them, so what is left is the network's.
    return Failure("unavailable", f"no whole answer: {type(error).__name__}: {error}", error=error)
