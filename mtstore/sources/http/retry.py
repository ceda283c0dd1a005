"""Call a vendor: limited, timed, retried, logged, cancellable, and without the key in any text.

Exceptions of a vendor's client become a `Failure` in one place per vendor, and then an error under `SourceError`.
"""

from __future__ import annotations

import email.utils
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn, TypeVar

from mtstore.errors import SourceAnswerError, SourceAuthError, SourceError, SourceRequestError, SourceUnavailableError
from mtstore.ranges import TimeRange, from_us
from mtstore.sources.http.rate_limit import Call, Limiter, OutOfTimeError, sleep
from mtstore.sources.http.request_stats import RequestStats
from mtstore.sources.http.settings import RetryPolicy, Secret

T = TypeVar("T")

logger = logging.getLogger("mtstore.sources")

_ERRORS: dict[str, type[SourceError]] = {
    "auth": SourceAuthError,
    "request": SourceRequestError,
    "unavailable": SourceUnavailableError,
    "answer": SourceAnswerError,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why one attempt failed.

    `kind` decides what follows: 'auth' and 'request' are final, 'unavailable' and 'answer' are retried. `code` and
    `payload` are the vendor's.
    """

    kind: Literal["auth", "request", "unavailable", "answer"]
    message: str
    status: int | None = None
    request_id: str | None = None
    retry_after_seconds: float | None = None
    code: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    error: BaseException | None = None

    @property
    def is_retryable(self) -> bool:
        return self.kind in ("unavailable", "answer")


class CallFailedError(Exception):
    """A call failed after all retries; the sources handle it or turn it into a `SourceError`."""

    def __init__(self, failure: Failure, sentence: str) -> None:
        super().__init__(sentence)
        self.failure = failure


class AttemptError(Exception):
    """Our own check of a response failed, inside an attempt."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The context of a call: the words of its log lines and errors, its cancellation and its statistics."""

    what: str
    schema: str = ""
    tickers: Sequence[str] = ()
    range: TimeRange | None = None
    cancel: threading.Event | None = None
    stats: RequestStats = field(default_factory=RequestStats)

    def __str__(self) -> str:
        shown = ", ".join(self.tickers[:3]) + (f" and {len(self.tickers) - 3} more" if len(self.tickers) > 3 else "")
        words = [self.what, *([f"of {shown}"] if shown else []), *([self.schema] if self.schema else [])]
        if self.range is not None:
            start, end = (from_us(us).strftime("%Y-%m-%dT%H:%M:%SZ") for us in (self.range.start_us, self.range.end_us))
            words.append(f"[{start}, {end})")
        return " ".join(words)

    @property
    def bounds(self) -> TimeRange:
        """The range of a request that has one."""
        if self.range is None:
            raise ValueError(f"{self} has no range")
        return self.range


class RetryingCaller:
    """Call one vendor with one key.

    Parameters
    ----------
    source
        The source's name, for texts.
    secret
        The key, to keep it out of texts.
    exceptions
        The exceptions of the vendor's client and its transport, which `classify` turns into failures.
    """

    def __init__(
        self,
        *,
        source: str,
        secret: Secret,
        limiter: Limiter,
        policy: RetryPolicy,
        exceptions: tuple[type[Exception], ...],
        classify: Callable[[Exception], Failure],
    ) -> None:
        self._source = source
        self._secret = secret
        self._limiter = limiter
        self._policy = policy
        self._exceptions = exceptions
        self._classify = classify
        self._rejected_key: Failure | None = None

    def call(self, work: Callable[[threading.Event], T], context: RequestContext) -> T:
        """Return the value of `work`, tried as often as the policy allows.

        `work` makes exactly one request and checks the response. Its argument is set when no caller waits any more.

        Raises
        ------
        CallFailedError
            After the last attempt.
        concurrent.futures.CancelledError
            `context.cancel` was set.
        """
        if self._rejected_key is not None:
            # A key that the vendor rejected once stays rejected: ten tickers need not send it ten times.
            raise CallFailedError(self._rejected_key, self._sentence(self._rejected_key, context, attempts=0))
        elapsed = 0.0
        attempt = 0
        while True:
            attempt += 1
            value, failure, seconds = self._attempt(work, context, attempt)
            if failure is None:
                return value[0]
            elapsed += seconds
            if failure.status == 401:
                self._rejected_key = failure
            wait = self._wait_seconds(failure, attempt)
            too_late = elapsed + wait > self._policy.total_seconds
            if not failure.is_retryable or attempt >= self._policy.max_attempts or too_late:
                sentence = self._sentence(failure, context, attempts=attempt)
                logger.warning("%s", sentence, extra=self._log_fields(context, attempt, failure))
                raise CallFailedError(failure, sentence) from self._cause(failure)
            message = f"attempt {attempt} failed ({_headline(failure)}), next in {wait:.1f} s"
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
        raise kind(str(error)) from self._cause(error.failure)

    def _attempt(
        self, work: Callable[[threading.Event], T], context: RequestContext, attempt: int
    ) -> tuple[list[T], Failure | None, float]:
        with self._limiter.slot(context.cancel) as waited:
            context.stats.requests += 1
            context.stats.waited_seconds += waited
            began = time.monotonic()
            value: list[T] = []
            failure: Failure | None = None
            try:
                value.append(Call(work).run(context.cancel, seconds=self._policy.attempt_seconds))
            except AttemptError as error:
                failure = error.failure
            except OutOfTimeError as error:
                failure = Failure("unavailable", str(error), error=error)
            except self._exceptions as error:
                failure = self._classify(error)
            seconds = time.monotonic() - began
        if failure is not None:
            return value, self._without_key(failure), seconds
        message = "%s: %s: attempt %d answered in %.2f s"
        logger.debug(message, self._source, context, attempt, seconds, extra=self._log_fields(context, attempt, None))
        return value, None, seconds

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
        sentence = f"{self._source}: {context}: {_headline(failure)}{request}{wait}"
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


def kind_of_status(status: int) -> Literal["auth", "request", "unavailable"]:
    """Return the kind of failure of an HTTP status other than success."""
    if status in (401, 402, 403):
        return "auth"
    if status in (408, 425, 429, 499) or status >= 500:
        return "unavailable"
    return "request"


def parse_retry_after(text: str | None) -> float | None:
    """Return the seconds of a `Retry-After` header (seconds, or an HTTP date); None if it cannot be read."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = email.utils.parsedate_to_datetime(text)
        except ValueError:
            return None
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        seconds = (at - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None


def _headline(failure: Failure) -> str:
    status = "" if failure.status is None else f"HTTP {failure.status}: "
    return f"{status}{failure.message}"
