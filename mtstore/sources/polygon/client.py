"""The vendor's own REST client (`polygon`, or its successor `massive`) on a transport that hides no fault.

One client has no timeout, both retry without a word, and both take a truncated gzip stream, HTML or broken JSON for the
end of the data. So their connection pool is replaced by one that applies the timeout, never retries, checks that the
body is complete, and raises for every status but 200.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from mtstore.errors import ConfigError
from mtstore.sources.http.failures import AttemptError, Failure, kind_of_status, parse_retry_after
from mtstore.sources.http.rate_limit import AbandonedError
from mtstore.sources.http.settings import NetworkSettings, Secret

if TYPE_CHECKING:
    import urllib3

_HOSTS = {"polygon": "https://api.polygon.io", "massive": "https://api.massive.com"}
_READ_BYTES = 1 << 16
# A page of 50,000 bars has 5 to 8 MB. A parsed body takes up to twenty times as much memory as its text.
_MOST_BODY_BYTES = 32_000_000
_LOGGERS = ("RESTClient", "WebSocketClient")


@dataclass(frozen=True, slots=True)
class WholeResponse:
    """A response as the clients need it; `data` is the complete body, decompressed."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Transport:
    """Replace a client's connection pool: one request, one complete body, or an `AttemptError`.

    Parameters
    ----------
    timeout_seconds
        For the connection, and between two reads.
    max_concurrency
        Connections kept open.
    redact
        Masks the key in the text of an answer, which may repeat it.
    """

    def __init__(
        self, *, timeout_seconds: float, max_concurrency: int, redact: Callable[[bytes], bytes] = lambda body: body
    ) -> None:
        import certifi
        import urllib3

        authority = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or certifi.where()
        self._pool = urllib3.PoolManager(
            num_pools=2,
            maxsize=max_concurrency,
            ca_certs=authority,
            cert_reqs="CERT_REQUIRED",
            timeout=urllib3.Timeout(connect=timeout_seconds, read=timeout_seconds),
            retries=False,
        )
        self._redact = redact
        self._local = threading.local()

    def end_requests_when(self, given_up: threading.Event) -> None:
        """End the requests of this thread when `given_up` is set."""
        self._local.given_up = given_up

    def request(
        self, method: str, url: str, fields: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> WholeResponse:
        """Make one request; the clients call this."""
        import urllib3

        response = self._pool.request(
            method, url, fields=dict(fields or {}), headers=headers, preload_content=False, decode_content=False
        )
        body = self._read(response)
        plain = _decompress(body, response.headers.get("Content-Encoding", ""))
        # Once, here: whatever is read from the body or the headers may be stored, shown or logged.
        received = {name: self._redact(value.encode("latin-1", "replace")) for name, value in response.headers.items()}
        headers = urllib3.HTTPHeaderDict({name: value.decode("latin-1") for name, value in received.items()})
        whole = WholeResponse(response.status, headers, self._redact(plain))
        if whole.status != 200:
            raise AttemptError(failure_of(whole))
        return whole

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        given_up: threading.Event | None = getattr(self._local, "given_up", None)
        parts: list[bytes] = []
        size = 0
        is_whole = False
        try:
            for part in response.stream(_READ_BYTES, decode_content=False):
                parts.append(part)
                size += len(part)
                _check_size(size)
                if given_up is not None and given_up.is_set():
                    raise AbandonedError
            is_whole = True
        finally:
            # A connection with half a body on it must not serve the next request.
            if is_whole:
                response.release_conn()
            else:
                response.close()
        return b"".join(parts)


def _check_size(size: int) -> None:
    if size > _MOST_BODY_BYTES:
        raise AttemptError(Failure("answer", f"the response has more than {_MOST_BODY_BYTES // 1_000_000} MB"))


def _decompress(body: bytes, encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise AttemptError(Failure("answer", f"the response has the encoding {encoding!r}, which was not requested"))
    # zlib accepts a truncated stream: without the end mark it is an error, not a short body.
    parts: list[bytes] = []
    size = 0
    while True:
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(body, _MOST_BODY_BYTES - size + 1))
        except zlib.error as error:
            raise AttemptError(Failure("answer", f"the gzip stream is broken: {error}", error=error)) from error
        size += len(parts[-1])
        _check_size(size)
        if not member.eof:
            raise AttemptError(Failure("answer", "the gzip stream is cut: its end is missing"))
        body = member.unused_data
        if not body:
            return b"".join(parts)


def failure_of(response: WholeResponse) -> Failure:
    """Return the failure that a response other than 200 means."""
    try:
        body = json.loads(response.data)
    except (ValueError, RecursionError):
        body = {}
    if not isinstance(body, dict):
        body = {}
    message = body.get("error") or body.get("message") or response.data[:200].decode("utf-8", "replace").strip()
    return Failure(
        kind=kind_of_status(response.status),
        message=str(message or "no message"),
        status=response.status,
        request_id=body.get("request_id") or response.headers.get("X-Request-Id"),
        retry_after_seconds=parse_retry_after(response.headers.get("Retry-After")),
        code=body.get("status"),
    )


def make_client(settings: NetworkSettings, key: str) -> Any:
    """Return the vendor's client on a `Transport`, which is its attribute `client`.

    Raises
    ------
    ConfigError
        The package that the configuration names is not installed.
    """
    try:
        package = importlib.import_module(settings.client)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"sources.{settings.source}.client: the package {settings.client!r} is not installed; install it, "
            "or use polygon, which mtstore depends on"
        ) from error
    silence_loggers()
    client = package.RESTClient(
        api_key=key,
        base=(settings.base_url or _HOSTS[settings.client]).rstrip("/"),
        connect_timeout=settings.timeout_seconds,
        read_timeout=settings.timeout_seconds,
        retries=0,
        pagination=False,
    )
    transport = Transport(
        timeout_seconds=settings.timeout_seconds,
        max_concurrency=settings.max_concurrency,
        redact=(settings.api_key or Secret(key)).redact_body,
    )
    for part in (client, client.vx):
        part.client = cast("Any", transport)
    return client


def silence_loggers() -> None:
    """Remove the handlers with which both packages print to stdout, where a command's data goes."""
    for name in _LOGGERS:
        vendor_logger = logging.getLogger(name)
        for handler in [h for h in vendor_logger.handlers if type(h) is logging.StreamHandler]:
            vendor_logger.removeHandler(handler)
