"""Calls to Databento with one key: timeouts set, warnings kept from users, errors read.

Only functions of this package call the client, because it raises the vendor's warnings in the name of the code four
frames up.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from mtstore.sources.http.failures import AttemptError, Failure, connection_failure, kind_of_status, parse_retry_after
from mtstore.sources.http.session import VendorSession

T = TypeVar("T")

_CALLERS = r"mtstore\.sources\.databento"


class DatabentoSession(VendorSession):
    """One Databento key at one gateway; threads share it."""

    def _make_client(self, key: str) -> tuple[Any, tuple[type[Exception], ...]]:
        import databento
        import requests
        from databento.common.error import BentoError

        client: Any = databento.Historical(key, gateway=self.settings.gateway or databento.HistoricalGateway.BO1)
        for api in (client.metadata, client.timeseries, client.symbology):
            api.TIMEOUT = self.settings.timeout_seconds
        return client, (BentoError, requests.RequestException, OSError)

    def _send(self, work: Callable[[Any], T], client: Any, given_up: threading.Event) -> T:
        from databento.common.error import BentoError
        from databento_dbn import DBNError

        del given_up  # The client reads the body itself; its timeout ends an abandoned call.
        _ignore_warnings()
        try:
            return work(client)
        except (ValueError, AttributeError, TypeError, DBNError) as error:
            # The client fails like this on a body, or a header, that it does not expect.
            _close_leftovers(error)
            raise AttemptError(_unreadable(error)) from error
        except BentoError as error:
            _close_leftovers(error)
            raise

    @staticmethod
    def classify(error: Exception) -> Failure:
        from databento.common.error import BentoError, BentoHttpError

        if isinstance(error, BentoHttpError):
            return _http_failure(error)
        if isinstance(error, ValueError):
            return _unreadable(error)
        if isinstance(error, BentoError) and not str(error).startswith("Error streaming response"):
            return Failure("answer", f"the response cannot be read: {error}", status=200, error=error)
        return connection_failure(error)


def _http_failure(error: Any) -> Failure:
    body = error.json_body if isinstance(error.json_body, dict) else {}
    detail = body.get("detail")
    case: str | None = None
    payload: dict[str, Any] = {}
    if isinstance(detail, dict):
        case, payload = detail.get("case"), detail.get("payload") or {}
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
    return Failure("answer", f"the response cannot be read: {type(error).__name__}: {error}", status=200, error=error)


def _close_leftovers(error: BaseException) -> None:
    """Close the file that the client leaves open when it fails while it writes or opens a download."""
    # Only the client's frames refer to the file, and not every system can delete an open one.
    step = error.__traceback__
    while step is not None:
        for name in ("writer", "data_source"):
            held = step.tb_frame.f_locals.get(name)
            stream = getattr(held, "reader", held)
            if isinstance(stream, io.IOBase):
                stream.close()
        step = step.tb_next


def _ignore_warnings() -> None:
    """Ignore the vendor's warnings that are raised in the name of this package."""
    # A user's filters may turn them into errors; their content is read from the metadata of the responses.
    from databento.common.error import BentoWarning

    warnings.filterwarnings("ignore", category=BentoWarning, module=_CALLERS)
