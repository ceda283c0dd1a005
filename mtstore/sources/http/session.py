"""Calls to one vendor with one key: the client is made at the first call, and every call is limited and retried."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from mtstore.errors import SourceAuthError
from mtstore.sources.http.rate_limit import Limiter
from mtstore.sources.http.retry import CallFailedError, Failure, RequestContext, RetryingCaller
from mtstore.sources.http.settings import NetworkSettings, RetryPolicy, Secret

T = TypeVar("T")


class VendorSession(ABC):
    """One key at one address; threads share it."""

    def __init__(self, settings: NetworkSettings) -> None:
        self.settings = settings
        self._limiter = Limiter(
            requests_per_minute=settings.requests_per_minute, max_concurrency=settings.max_concurrency
        )
        self._opening = threading.Lock()
        self._opened: tuple[Any, RetryingCaller] | None = None

    def call(self, work: Callable[[Any], T], context: RequestContext) -> T:
        """Return the value of `work`, which makes one request with the client that it gets.

        Raises
        ------
        CallFailedError
            After all retries; `fail` turns it into a SourceError.
        SourceAuthError
            The source has no key.
        """
        client, caller = self._open()
        return caller.call(lambda given_up: self._attempt(work, client, given_up), context)

    def ask(self, work: Callable[[Any], T], context: RequestContext) -> T:
        """Do as `call` does, but raise a SourceError on failure."""
        try:
            return self.call(work, context)
        except CallFailedError as error:
            self.fail(error)

    def fail(self, error: CallFailedError) -> NoReturn:
        """Raise the SourceError for a failed call."""
        self._open()[1].fail(error)

    def _open(self) -> tuple[Any, RetryingCaller]:
        with self._opening:
            if self._opened is None:
                settings = self.settings
                secret = settings.api_key or Secret("")
                key = secret.reveal().strip()
                if not key:
                    raise SourceAuthError(
                        f"source {settings.source!r} has no key: set the environment variable that its api_key names"
                    )
                client, exceptions = self._make_client(key)
                caller = RetryingCaller(
                    source=settings.source,
                    secret=secret,
                    limiter=self._limiter,
                    policy=self._policy(),
                    exceptions=exceptions,
                    classify=self._classify,
                )
                self._opened = (client, caller)
            return self._opened

    def _policy(self) -> RetryPolicy:
        return self.settings.retry

    @abstractmethod
    def _make_client(self, key: str) -> tuple[Any, tuple[type[Exception], ...]]:
        """Return the vendor's client, and the exceptions of it and its transport that `_classify` understands."""

    @abstractmethod
    def _attempt(self, work: Callable[[Any], T], client: Any, given_up: threading.Event) -> T:
        """Make one request; `given_up` is set when no caller waits for it any more."""

    @staticmethod
    @abstractmethod
    def _classify(error: Exception) -> Failure:
        """Return the failure that an exception stands for."""
