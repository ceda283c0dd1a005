"""Calls to Databento with one key: the client's timeouts set, its warnings kept from users, its errors read.

The module's calls of the client stand in functions of this package directly, because the client raises the vendor's
warnings in the name of whoever called it, four frames up.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from mtstore.errors import SourceAuthError
from mtstore.sources.http.rate_limit import Limiter
from mtstore.sources.http.retry import (
    AttemptError,
    CallFailedError,
    Failure,
    RequestContext,
    RetryingCaller,
    kind_of_status,
    parse_retry_after,
)
from mtstore.sources.http.settings import NetworkSettings, Secret

T = TypeVar("T")

_CALLERS = r"mtstore\.sources\.databento"


class DatabentoSession:
    """One key at one gateway; threads share it."""

    def __init__(self, settings: NetworkSettings) -> None:
        self.settings = settings
        self._limiter = Limiter(
            requests_per_minute=settings.requests_per_minute, max_concurrency=settings.max_concurrency
        )
        self._opening = threading.Lock()
        self._opened: tuple[Any, RetryingCaller] | None = None

    def call(self, work: Callable[[Any], T], context: RequestContext) -> T:
        """The value of `work`, which makes one request with the client it is given.

        Raises
        ------
        CallFailedError
            After all retries; `fail` turns it into a SourceError.
        """
        from databento.common.error import BentoError
        from databento_dbn import DBNError

        client, caller = self._open()

        def attempt(given_up: threading.Event) -> T:
            del given_up  # The client reads the body itself; its timeout ends an abandoned call.
            _quiet_warnings()
            try:
                return work(client)
            except (ValueError, AttributeError, TypeError, DBNError) as error:
                # How the client fails on a body, or a header, that is not what it expects.
                _close_leftovers(error)
                raise AttemptError(_unreadable(error)) from error
            except BentoError as error:
                _close_leftovers(error)
                raise

        return caller.call(attempt, context)

    def ask(self, work: Callable[[Any], T], context: RequestContext) -> T:
        """As `call`, but a failure is a SourceError."""
        try:
            return self.call(work, context)
        except CallFailedError as error:
            self.fail(error)

    def fail(self, error: CallFailedError) -> NoReturn:
        """Raise the SourceError that a failed call amounts to."""
        self._open()[1].fail(error)

    def _open(self) -> tuple[Any, RetryingCaller]:
        with self._opening:
            if self._opened is None:
                import databento
                import requests
                from databento.common.error import BentoError

                secret = self.settings.api_key or Secret("")
                key = secret.reveal().strip()
                if not key:
                    raise SourceAuthError(
                        f"source {self.settings.source!r} has no key: set the variable that its api_key names"
                    )
                gateway = self.settings.gateway or databento.HistoricalGateway.BO1
                client: Any = databento.Historical(key, gateway=gateway)
                for api in (client.metadata, client.timeseries, client.symbology):
                    api.TIMEOUT = self.settings.timeout_seconds
                caller = RetryingCaller(
                    source=self.settings.source,
                    secret=secret,
                    limiter=self._limiter,
                    policy=self.settings.retry,
                    foreign=(BentoError, requests.RequestException, OSError),
                    classify=classify,
                )
                self._opened = (client, caller)
            return self._opened


def classify(error: Exception) -> Failure:
    """What an exception of the client, or of `requests` beneath it, means."""
    from databento.common.error import BentoError, BentoHttpError

    if isinstance(error, BentoHttpError):
        return _http_failure(error)
    if isinstance(error, ValueError):
        return _unreadable(error)
    if isinstance(error, BentoError) and not str(error).startswith("Error streaming response"):
        return Failure("answer", f"the answer cannot be read: {error}", status=200, error=error)
    return Failure("unavailable", f"no whole answer: {type(error).__name__}: {error}", error=error)


def _http_failure(error: Any) -> Failure:
    body = error.json_body if isinstance(error.json_body, dict) else {}
    detail = body.get("detail")
    case: str | None = None
    payload: Mapping[str, Any] = {}
    if isinstance(detail, dict):
        case = detail.get("case")
        payload = detail.get("payload") or {}
        message = f"{case}: {detail.get('message')}"
    else:
        message = str(detail or error.message or error.http_body or "no message")[:200]
    headers = {str(name).lower(): value for name, value in error.headers.items()}
    return Failure(
        kind=kind_of_status(error.http_status),
        message=message,
        status=error.http_status,
        request_id=headers.get("request-id"),
        retry_after_seconds=parse_retry_after(headers.get("retry-after")),
        code=case,
        payload=payload,
        error=error,
    )


def _unreadable(error: Exception) -> Failure:
    return Failure("answer", f"the answer cannot be read: {type(error).__name__}: {error}", status=200, error=error)


def _close_leftovers(error: BaseException) -> None:
    """Close the file that the client leaves open when it fails while it writes or opens a download.

    Nobody else has a hold of it, and an open file cannot be deleted everywhere.
    """
    step = error.__traceback__
    while step is not None:
        for name in ("writer", "data_source"):
            held = step.tb_frame.f_locals.get(name)
            stream = getattr(held, "reader", held)
            if isinstance(stream, io.IOBase):
                stream.close()
        step = step.tb_next


def _quiet_warnings() -> None:
    """Keep the vendor's warnings (about symbols, quality, deprecations) from a user's filters, which may raise them.

    What they say is read from the answers' metadata. Only warnings in the name of this package are meant.
    """
    from databento.common.error import BentoWarning

    warnings.filterwarnings("ignore", category=BentoWarning, module=_CALLERS)
