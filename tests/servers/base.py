"""A local HTTP server that records every request and can spoil any response.

A vendor's server is a function from `Request` to `Reply`; `faults` change replies on their way out.
"""

from __future__ import annotations

import gzip
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as it arrived; `key` is what it authenticated with."""

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    headers: Mapping[str, str]
    at: float

    @property
    def line(self) -> str:
        """What tests compare: the method, the decoded path and the query or form, in a stable order."""
        parameters = "&".join(f"{name}={value}" for name, value in sorted({**self.query, **self.form}.items()))
        return f"{self.method} {self.path}" + (f"?{parameters}" if parameters else "")


@dataclass(frozen=True)
class Reply:
    """The response to send.

    `declared_length` overrides Content-Length, so that a cut body can be told from a short one; None sends no length
    and closes the connection. `delay` comes before the first byte; `drip` is the pause between hundredths of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    declared_length: int | None = -1
    delay: float = 0.0
    drip: float = 0.0

    def header(self, name: str, value: str) -> Reply:
        return replace(self, headers={**self.headers, name: value})


def json_reply(value: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


Fault = Callable[[Request, Reply], Reply]


@dataclass
class _Planned:
    fault: Fault
    when: Callable[[Request], bool]
    times: int


class VendorServer:
    """Serves `answer` on a free port of this machine; use as a context manager."""

    scheme = "http"

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._planned: deque[_Planned] = deque()
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def answer(self, request: Request) -> Reply:
        raise NotImplementedError

    def finish(self, request: Request, reply: Reply) -> Reply:
        """The reply as it goes over the wire, before faults on bytes."""
        return reply

    def plan(self, fault: Fault, *, times: int = 1, when: Callable[[Request], bool] = lambda _: True) -> None:
        """Spoil the next `times` responses to requests that `when` picks."""
        self._planned.append(_Planned(fault, when, times))

    @property
    def lines(self) -> list[str]:
        """All requests so far, as comparable text."""
        return [request.line for request in self.requests]

    def forget(self) -> None:
        self.requests.clear()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        owner = self

        class Handler(_Handler):
            vendor = owner

        self._server = _Server(("127.0.0.1", 0), Handler)
        context = self.tls_context()
        if context is not None:
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def tls_context(self) -> ssl.SSLContext | None:
        return None

    def handle(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            faults = self._take_faults(request)
        reply = self.answer(request)
        early = [fault for fault in faults if getattr(fault, "on_content", False)]
        late = [fault for fault in faults if not getattr(fault, "on_content", False)]
        for fault in early:
            reply = fault(request, reply)
        reply = self.finish(request, reply)
        for fault in late:
            reply = fault(request, reply)
        return reply

    def leave(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def wait(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def _take_faults(self, request: Request) -> list[Fault]:
        taken = []
        for planned in self._planned:
            if planned.times and planned.when(request):
                planned.times -= 1
                taken.append(planned.fault)
        return taken


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address) -> None:
        """Ignore clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    vendor: VendorServer
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def log_message(self, *_: object) -> None:
        """Print nothing; requests are in `requests`."""

    def _serve(self, method: str) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        form = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(method, unquote(parts.path), query, form, dict(self.headers.items()), time.monotonic())
        try:
            self._send(self.vendor.handle(request))
        finally:
            self.vendor.leave()

    def _send(self, reply: Reply) -> None:
        if reply.delay:
            self.vendor.wait(reply.delay)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        length = len(reply.body) if reply.declared_length == -1 else reply.declared_length
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if reply.drip:
            step = max(1, len(reply.body) // 100)
            for at in range(0, len(reply.body), step):
                self.wfile.write(reply.body[at : at + step])
                self.wfile.flush()
                self.vendor.wait(reply.drip)
        else:
            self.wfile.write(reply.body)
        self.wfile.flush()
        if length != len(reply.body):
            self.close_connection = True


def gzipped(reply: Reply) -> Reply:
    return replace(reply, body=gzip.compress(reply.body, mtime=0)).header("Content-Encoding", "gzip")
