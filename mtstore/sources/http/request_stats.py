"""Requests, retries and bytes of one piece of work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class RequestStats:
    """Requests in all, repeated requests, bytes received and seconds waited for the rate limit."""

    requests: int = 0
    retries: int = 0
    bytes_received: int = 0
    waited_seconds: float = 0.0
