"""Ways in which an answer goes wrong. Those `on_content` change what the vendor says, the others the bytes it sends."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import replace

from tests.servers.base import Fault, Reply, Request, json_reply


def _on_content(fault: Fault) -> Fault:
    fault.on_content = True  # type: ignore[attr-defined]
    return fault


def status(code: int, *, body: bytes = b"", retry_after: str | None = None, **headers: str) -> Fault:
    """Another status with another body."""

    def apply(_: Request, __: Reply) -> Reply:
        reply = Reply(code, body, headers)
        return reply if retry_after is None else reply.header("Retry-After", retry_after)

    return apply


def polygon_error(code: int, message: str, *, retry_after: str | None = None) -> Fault:
    """An error as Polygon words it."""

    def apply(_: Request, __: Reply) -> Reply:
        reply = json_reply({"status": "ERROR", "request_id": "req-error", "error": message}, code)
        return reply if retry_after is None else reply.header("Retry-After", retry_after)

    return apply


def databento_error(code: int, case: str, message: str, payload=None, *, retry_after: str | None = None) -> Fault:
    """An error as Databento words it."""
    detail = {"case": case, "message": message, "status_code": code, "docs": None, "payload": payload or {}}

    def apply(_: Request, __: Reply) -> Reply:
        reply = json_reply({"detail": detail}, code).header("request-id", "req-error")
        return reply if retry_after is None else reply.header("Retry-After", retry_after)

    return apply


def html(_: Request, reply: Reply) -> Reply:
    """A proxy's page, with status 200."""
    return Reply(200, b"<html><body>maintenance</body></html>", {"Content-Type": "text/html"})


def cut_body(_: Request, reply: Reply) -> Reply:
    """The connection ends in the middle of the announced length."""
    return replace(reply, body=reply.body[: len(reply.body) // 2], declared_length=len(reply.body))


def cut_stream(_: Request, reply: Reply) -> Reply:
    """The message ends properly, its contents (gzip, zstd, JSON) do not."""
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def cut_stream_without_length(_: Request, reply: Reply) -> Reply:
    """As `cut_stream`, but the end of the connection is the end of the message."""
    return replace(reply, body=reply.body[: len(reply.body) // 2], declared_length=None)


def cut_gzip_trailer(_: Request, reply: Reply) -> Reply:
    """Only the checksum of the gzip stream is missing: every byte of the JSON is there."""
    return replace(reply, body=reply.body[:-8])


def wrong_gzip_checksum(_: Request, reply: Reply) -> Reply:
    return replace(reply, body=reply.body[:-8] + b"\0" * 4 + reply.body[-4:])


def two_gzip_members(_: Request, reply: Reply) -> Reply:
    """Unusual and legal."""
    plain = gzip.decompress(reply.body)
    middle = len(plain) // 2
    return replace(reply, body=gzip.compress(plain[:middle]) + gzip.compress(plain[middle:]))


def deflated(_: Request, reply: Reply) -> Reply:
    """An encoding nobody asked for."""
    return replace(reply, body=zlib.compress(gzip.decompress(reply.body))).header("Content-Encoding", "deflate")


@_on_content
def malformed_json(_: Request, reply: Reply) -> Reply:
    return replace(reply, body=reply.body.replace(b'"results"', b'"results', 1))


def hang(seconds: float = 60.0) -> Fault:
    """Nothing comes."""
    return lambda _, reply: replace(reply, delay=seconds)


def slow(seconds_a_hundredth: float) -> Fault:
    """Everything comes, bit by bit."""
    return lambda _, reply: replace(reply, drip=seconds_a_hundredth)


def edit(change) -> Fault:
    """Change the JSON before it is sent: `change(body)` returns a body, or edits it in place."""

    def apply(_: Request, reply: Reply) -> Reply:
        body = json.loads(reply.body)
        changed = change(body)
        return replace(reply, body=json.dumps(body if changed is None else changed).encode())

    return _on_content(apply)


def without(key: str) -> Fault:
    return edit(lambda body: {name: value for name, value in body.items() if name != key})


def edit_rows(change) -> Fault:
    """Change the rows of a page, and count them again."""

    def apply(body):
        rows = change(list(body.get("results", [])))
        return {**body, "results": rows, "resultsCount": len(rows), "queryCount": len(rows), "count": len(rows)}

    return edit(apply)
