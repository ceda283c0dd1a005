"""Failures of requests: what a vendor's client raised or answered, in one form for all vendors."""

from __future__ import annotations

import email.utils
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why one attempt failed.

    `kind` decides what follows: 'auth', 'request' and 'certificate' are final, 'unavailable' and 'answer' are retried.
    `code` and `payload` are the vendor's.
    """

    kind: Literal["auth", "request", "certificate", "unavailable", "answer"]
    message: str
    status: int | None = None
    request_id: str | None = None
    retry_after_seconds: float | None = None
    code: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    error: BaseException | None = None

    @property
    def headline(self) -> str:
        return self.message if self.status is None else f"HTTP {self.status}: {self.message}"

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


def reject(message: str, *, request_id: str | None = None, error: Exception | None = None) -> NoReturn:
    """Raise the AttemptError of a response that is not valid; the request is retried."""
    raise AttemptError(Failure("answer", message, status=200, request_id=request_id, error=error)) from error


def connection_failure(error: Exception) -> Failure:
    """Return the failure of an exception from the connection; a certificate that is not trusted stays so."""
    for one in _chain(error, set()):
        if isinstance(one, ssl.SSLCertVerificationError):
            advice = "if it should be, set REQUESTS_CA_BUNDLE to the file with the certificate of its authority"
            message = f"the server's certificate is not trusted ({one.verify_message}); {advice}"
            return Failure("certificate", message, error=error)
    return Failure("unavailable", f"incomplete response: {type(error).__name__}: {error}", error=error)


def _chain(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """Yield an exception and all that it was raised for, which libraries keep in its arguments, too."""
    if id(error) not in seen:
        seen.add(id(error))
        yield error
        for other in (error.__cause__, error.__context__, *error.args, getattr(error, "reason", None)):
            if isinstance(other, BaseException):
                yield from _chain(other, seen)


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
