"""Faults of responses. Those `on_content` change the content, the others the bytes."""

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
    """Send another status and body."""

    def apply(_: Request, __: Reply) -> Reply:
        reply = Reply(code, body, headers)
        return reply if retry_after is None else reply.header("Retry-After", retry_after)

    return apply


def polygon_error(code: int, message: str, *, retry_after: str | None = None) -> Fault:
    """Send an error in Polygon's format."""

    def apply(_: Request, __: Reply) -> Reply:
        reply = json_reply({"status": "ERROR", "request_id": "req-error", "error": message}, code)
        return reply if retry_after is None else reply.header("Retry-After", retry_after)

    return apply


def databento_error(code: int, case: str, message: str, payload=None, *, retry_after: str | None = None) -> Fault:
    """Send an error in Databento's format."""
    detail = {"case": case, "message": message, "status_code": code, "docs": None, "payload": payload or {}}

    def apply(_: Request, __: Reply) -> Reply:
        reply = json_reply({"detail": detail}, code).header("request-id", "req-error")
        return reply if retry_after is None else reply.header("Retry-After", retry_after)

    return apply


def html(_: Request, reply: Reply) -> Reply:
    """Send a proxy's page with status 200."""
    return Reply(200, b"<html><body>maintenance</body></html>", {"Content-Type": "text/html"})


def cut_body(_: Request, reply: Reply) -> Reply:
    """End the connection before the announced length."""
    return replace(reply, body=reply.body[: len(reply.body) // 2], declared_length=len(reply.body))


def cut_stream(_: Request, reply: Reply) -> Reply:
    """End the message properly, but not its content (gzip, zstd, JSON)."""
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def cut_stream_without_length(_: Request, reply: Reply) -> Reply:
    """Cut the content, where the end of the connection is the end of the message."""
    return replace(reply, body=reply.body[: len(reply.body) // 2], declared_length=None)


def cut_gzip_trailer(_: Request, reply: Reply) -> Reply:
    """Cut the checksum of the gzip stream; every byte of the JSON is there."""
    return replace(reply, body=reply.body[:-8])


def wrong_gzip_checksum(_: Request, reply: Reply) -> Reply:
    return replace(reply, body=reply.body[:-8] + b"\0" * 4 + reply.body[-4:])


def two_gzip_members(_: Request, reply: Reply) -> Reply:
    """Send two gzip members, which is unusual and legal."""
    plain = gzip.decompress(reply.body)
    middle = len(plain) // 2
    return replace(reply, body=gzip.compress(plain[:middle]) + gzip.compress(plain[middle:]))


def deflated(_: Request, reply: Reply) -> Reply:
    """Send an encoding that the client did not request."""
    return replace(reply, body=zlib.compress(gzip.decompress(reply.body))).header("Content-Encoding", "deflate")


@_on_content
def malformed_json(_: Request, reply: Reply) -> Reply:
    return replace(reply, body=reply.body.replace(b'"results"', b'"results', 1))


def gzip_bomb(_: Request, reply: Reply) -> Reply:
    """Send a body of 4 GB in 4 MB, in gzip members of 20 MB."""
    return replace(reply, body=gzip.compress(b" " * 20_000_000) * 200).header("Content-Encoding", "gzip")


def long_body(_: Request, reply: Reply) -> Reply:
    """Send more text than any page has."""
    return Reply(200, b" " * 33_000_000, {"Content-Type": "application/json"})


def deep_json(_: Request, reply: Reply) -> Reply:
    return Reply(200, b'{"results":' + b"[" * 200_000 + b"]" * 200_000 + b"}", {"Content-Type": "application/json"})


def hang(seconds: float = 60.0) -> Fault:
    """Send nothing."""
    return lambda _, reply: replace(reply, delay=seconds)


def slow(seconds_a_hundredth: float) -> Fault:
    """Send everything in small pieces."""
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
    """Change the rows of a page and their count."""

    def apply(body):
        rows = change(list(body.get("results", [])))
        return {**body, "results": rows, "resultsCount": len(rows), "queryCount": len(rows), "count": len(rows)}

    return edit(apply)
