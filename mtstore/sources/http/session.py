"""Call a vendor with one key: limited, timed, retried, logged, cancellable, and without the key in any text."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn, TypeVar

from mtstore.errors import SourceAnswerError, SourceAuthError, SourceError, SourceRequestError, SourceUnavailableError
from mtstore.sources.http.failures import AttemptError, CallFailedError, Failure
from mtstore.sources.http.rate_limit import Call, Limiter, OutOfTimeError, sleep
from mtstore.sources.http.request import RequestContext
from mtstore.sources.http.settings import NetworkSettings, Secret

T = TypeVar("T")

logger = logging.getLogger("mtstore.sources")

_ERRORS: dict[str, type[SourceError]] = {
    "auth": SourceAuthError,
    "request": SourceRequestError,
    "certificate": SourceUnavailableError,
    "unavailable": SourceUnavailableError,
    "answer": SourceAnswerError,
}


class VendorSession(ABC):
    """One key at one address; threads share it. The client is made at the first call."""

    def __init__(self, settings: NetworkSettings) -> None:
        self.settings = settings
        self._source = settings.source
        self._secret = settings.api_key or Secret("")
        self._limiter = Limiter(
            requests_per_minute=settings.requests_per_minute, max_concurrency=settings.max_concurrency
        )
        self._opening = threading.Lock()
        self._policy = settings.retry
        self._opened: tuple[Any, tuple[type[Exception], ...]] | None = None
        self._rejected_key: Failure | None = None

    @property
    def may_have_to_wait(self) -> bool:
        """Whether the rate limit may not allow another request at once."""
        return self._limiter.is_nearly_used_up

    def call(self, work: Callable[[Any], T], context: RequestContext) -> T:
        """Do as `try_call` does, but raise a SourceError on failure."""
        try:
            return self.try_call(work, context)
        except CallFailedError as error:
            self.fail(error)

    def try_call(self, work: Callable[[Any], T], context: RequestContext) -> T:
        """Return the value of `work`, tried as often as the policy allows.

        `work` makes exactly one request with the client that it gets, and checks the response.

        Raises
        ------
        CallFailedError
            After the last attempt; `fail` turns it into a SourceError.
        SourceAuthError
            The source has no key.
        concurrent.futures.CancelledError
            `context.cancel` was set.
        """
        client, exceptions = self._open()
        if self._rejected_key is not None:
            # A key that the vendor rejected once stays rejected: ten tickers need not send it ten times.
            raise CallFailedError(self._rejected_key, self._sentence(self._rejected_key, context, attempts=0))
        elapsed = 0.0
        attempt = 0
        while True:
            attempt += 1
            try:
                with self._limiter.slot(context.cancel) as waited:
                    context.stats.requests += 1
                    context.stats.waited_seconds += waited
                    began = time.monotonic()
                    value = Call(lambda given_up: self._send(work, client, given_up)).run(
                        context.cancel, seconds=self._policy.attempt_seconds
                    )
            except AttemptError as error:
                failure = error.failure
            except OutOfTimeError as error:
                failure = Failure("unavailable", str(error), error=error)
            except exceptions as error:
                failure = self.classify(error)
            else:
                text = f"{context}: attempt {attempt} answered in {time.monotonic() - began:.2f} s"
                logger.debug("%s: %s", self._source, text, extra=self._log_fields(context, attempt, None))
                return value
            failure = self._without_key(failure)
            elapsed += time.monotonic() - began
            if failure.status == 401:
                self._rejected_key = failure
            wait = self._wait_seconds(failure, attempt)
            too_late = elapsed + wait > self._policy.total_seconds
            if not failure.is_retryable or attempt >= self._policy.max_attempts or too_late:
                sentence = self._sentence(failure, context, attempts=attempt)
                logger.warning("%s", sentence, extra=self._log_fields(context, attempt, failure))
                raise CallFailedError(failure, sentence) from self._cause(failure)
            message = f"attempt {attempt} failed ({failure.headline}), next in {wait:.1f} s"
            logger.info("%s: %s: %s", self._source, context, message, extra=self._log_fields(context, attempt, failure))
            # A 503 without Retry-After is about this request; these are about all requests with this key.
            if failure.status in (429, 503) and (failure.status == 429 or failure.retry_after_seconds):
                self._limiter.pause(wait)
            context.stats.retries += 1
            context.stats.waited_seconds += wait
            elapsed += wait
            sleep(wait, context.cancel)

    def fail(self, error: CallFailedError) -> NoReturn:
        """Raise the error under `SourceError` for a failed call."""
        kind = _ERRORS[error.failure.kind]
        raise kind(str(error), error.failure.headline) from self._cause(error.failure)

    def _wait_seconds(self, failure: Failure, attempt: int) -> float:
        policy = self._policy
        doubled: int = 2 ** (attempt - 1)
        backoff = min(policy.max_backoff_seconds, policy.backoff_seconds * doubled)
        wait = backoff * secrets.SystemRandom().uniform(0.5, 1.0)
        if failure.retry_after_seconds is not None:
            # A little later than the vendor wants, so that waiting threads do not all wake at once.
            return failure.retry_after_seconds + min(wait, 1.0)
        if failure.status == 429:
            return max(wait, min(policy.max_backoff_seconds, policy.rate_limit_seconds * doubled))
        return wait

    def _sentence(self, failure: Failure, context: RequestContext, *, attempts: int) -> str:
        tried = f"after {attempts} attempts" if attempts else "not sent, because the vendor rejected the key before"
        wait = ""
        if failure.retry_after_seconds is not None and failure.is_retryable:
            wait = f"; the vendor asks to wait {failure.retry_after_seconds:g} s"
        request = f" (request id {failure.request_id})" if failure.request_id else ""
        sentence = f"{self._source}: {context}: {failure.headline}{request}{wait}"
        return sentence if attempts == 1 else f"{sentence}, {tried}"

    def _without_key(self, failure: Failure) -> Failure:
        # Some vendors repeat the key in their errors.
        redact = self._secret.redact
        return replace(
            failure,
            message=redact(failure.message),
            request_id=failure.request_id and redact(failure.request_id),
            code=failure.code and redact(failure.code),
        )

    def _cause(self, failure: Failure) -> BaseException | None:
        # Tracebacks print the whole chain of exceptions: no text in it may hold the key.
        error = failure.error
        while error is not None:
            if self._secret.is_in(f"{error!r} {error}"):
                return None
            error = error.__cause__ or error.__context__
        return failure.error

    def _log_fields(self, context: RequestContext, attempt: int, failure: Failure | None) -> dict[str, Any]:
        return {
            "source": self._source,
            "ticker": ",".join(context.tickers),
            "range": None if context.range is None else (context.range.start_us, context.range.end_us),
            "attempt": attempt,
            "status": 200 if failure is None else failure.status,
            "request_id": None if failure is None else failure.request_id,
        }

    def _open(self) -> tuple[Any, tuple[type[Exception], ...]]:
        with self._opening:
            if self._opened is None:
                key = self._secret.reveal().strip()
                if not key:
                    raise SourceAuthError(
                        f"source {self._source!r} has no key: set the environment variable that its api_key names"
                    )
                self._opened = self._make_client(key)
            return self._opened

    @abstractmethod
    def _make_client(self, key: str) -> tuple[Any, tuple[type[Exception], ...]]:
        """Return the vendor's client, and the exceptions of it and its transport that `classify` understands."""

    @abstractmethod
    def _send(self, work: Callable[[Any], T], client: Any, given_up: threading.Event) -> T:
        """Make one request; `given_up` is set when no caller waits for it any more."""

    @staticmethod
    @abstractmethod
    def classify(error: Exception) -> Failure: ...
