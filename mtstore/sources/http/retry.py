"""The one way in which a vendor is called: limited, timed, retried, logged, cancellable, and with the key in no text.

What a vendor's client raises is turned into a `Failure` in one place per vendor, and leaves here as one of the errors
under `SourceError`.
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
from mtstore.ranges import TimeRange
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
    """Why one attempt failed.

    `kind` decides what follows: 'auth' and 'request' are final, 'unavailable' and 'answer' are tried again. `code` and
    `payload` are the vendor's own, where it has such.
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
    """A call that failed for good; the sources turn it into a `SourceError`, or into knowledge."""

    def __init__(self, failure: Failure, sentence: str) -> None:
        super().__init__(sentence)
        self.failure = failure


class AttemptError(Exception):
    """Raised by our own checks of an answer, inside an attempt."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a call is for: the context of its log lines and errors, its cancellation and its stats."""

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
            words.append(f"[{_instant(self.range.start_us)}, {_instant(self.range.end_us)})")
        return " ".join(words)


class RetryingCaller:
    """Calls one vendor with one key.

    Parameters
    ----------
    source
        The source's name, for texts.
    secret
        The key, to keep it out of them.
    foreign
        The exceptions of the vendor's client and its transport, which `classify` understands.
    classify
        What such an exception means.
    """

    def __init__(
        self,
        *,
        source: str,
        secret: Secret,
        limiter: Limiter,
        policy: RetryPolicy,
        foreign: tuple[type[Exception], ...],
        classify: Callable[[Exception], Failure],
    ) -> None:
        self._source = source
        self._secret = secret
        self._limiter = limiter
        self._policy = policy
        self._foreign = foreign
        self._classify = classify
        self._refused: Failure | None = None

    def call(self, work: Callable[[threading.Event], T], context: RequestContext) -> T:
        """The value of `work`, tried as often as the policy allows.

        `work` makes exactly one request and checks its answer; its argument is set when nobody waits for it any more.

        Raises
        ------
        CallFailedError
            For good.
        concurrent.futures.CancelledError
            `context.cancel` was set.
        """
        if self._refused is not None:
            # A refused key stays refused: ten tickers need not be told ten times.
            raise CallFailedError(self._refused, self._sentence(self._refused, context, attempts=0))
        elapsed = 0.0
        attempt = 0
        while True:
            attempt += 1
            value, failure, seconds = self._attempt(work, context, attempt)
            if failure is None:
                return value[0]
            elapsed += seconds
            if failure.status == 401:
                self._refused = failure
            wait = self._wait_seconds(failure, attempt)
            too_late = elapsed + wait > self._policy.total_seconds
            if not failure.is_retryable or attempt >= self._policy.max_attempts or too_late:
                sentence = self._sentence(failure, context, attempts=attempt)
                logger.warning("%s", sentence, extra=self._log_fields(context, attempt, failure))
                raise CallFailedError(failure, sentence) from self._cause(failure)
            logger.info(
                "%s: %s: attempt %d failed (%s), next in %.1f s",
                self._source,
                context,
                attempt,
                _headline(failure),
                wait,
                extra=self._log_fields(context, attempt, failure),
            )
            if failure.status in (429, 503) and (failure.status == 429 or failure.retry_after_seconds):
                self._limiter.pause(wait)
            context.stats.retries += 1
            context.stats.waited_seconds += wait
            elapsed += wait
            sleep(wait, context.cancel)

    def fail(self, error: CallFailedError) -> NoReturn:
        """Raise the error of the tree under `SourceError` that a failed call amounts to."""
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
            except self._foreign as error:
                failure = self._classify(error)
            seconds = time.monotonic() - began
        if failure is not None:
            failure = self._scrub(failure)
        else:
            logger.debug(
                "%s: %s: attempt %d answered in %.2f s",
                self._source,
                context,
                attempt,
                seconds,
                extra=self._log_fields(context, attempt, None),
            )
        return value, failure, seconds

    def _wait_seconds(self, failure: Failure, attempt: int) -> float:
        policy = self._policy
        doubled: int = 2 ** (attempt - 1)
        backoff = min(policy.max_backoff_seconds, policy.backoff_seconds * doubled)
        wait = backoff * secrets.SystemRandom().uniform(0.5, 1.0)
        if failure.retry_after_seconds is not None:
            # A little later than asked: threads that wake together would storm the vendor together.
            return failure.retry_after_seconds + min(wait, 1.0)
        if failure.status == 429:
            return max(wait, min(policy.max_backoff_seconds, policy.rate_limit_seconds * doubled))
        return wait

    def _sentence(self, failure: Failure, context: RequestContext, *, attempts: int) -> str:
        tried = "not sent, the key was refused before" if attempts == 0 else f"after {attempts} attempts"
        asked = ""
        if failure.retry_after_seconds is not None and failure.is_retryable:
            asked = f"; the vendor asks to wait {failure.retry_after_seconds:g} s"
        request = f" (request id {failure.request_id})" if failure.request_id else ""
        sentence = f"{self._source}: {context}: {_headline(failure)}{request}{asked}"
        return sentence if attempts == 1 else f"{sentence}, {tried}"

    def _scrub(self, failure: Failure) -> Failure:
        """The failure without the key, should the vendor have repeated it."""
        redact = self._secret.redact
        return replace(
            failure,
            message=redact(failure.message),
            request_id=failure.request_id and redact(failure.request_id),
            code=failure.code and redact(failure.code),
        )

    def _cause(self, failure: Failure) -> BaseException | None:
        """What the failure is chained to: the client's own exception, unless its text holds the key."""
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
    """What an HTTP status other than success means for a retry."""
    if status in (401, 402, 403):
        return "auth"
    if status in (408, 425, 429, 499) or status >= 500:
        return "unavailable"
    return "request"


def parse_retry_after(text: str | None) -> float | None:
    """Seconds to wait, from a `Retry-After` header (seconds, or an HTTP date); None if none can be read."""
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


def _instant(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
