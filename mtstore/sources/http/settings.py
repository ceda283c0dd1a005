"""Settings of a vendor's source: address, key, speed, retries."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlsplit

from mtstore.errors import ConfigError

Provider = Literal["polygon", "databento"]

_MASK = "***"


class Secret:
    """A key that is not in its repr, text or pickles.

    `value` is the key, or a function that returns it when it is first needed (and may raise SourceAuthError).
    """

    __slots__ = ("_read",)

    def __init__(self, value: str | Callable[[], str]) -> None:
        self._read = value if callable(value) else lambda: value

    def reveal(self) -> str:
        """Return the key, for the vendor's client only."""
        return self._read()

    def redact(self, text: str) -> str:
        """Return `text` with the key masked, also in its forms for URLs and headers."""
        value = self.reveal()
        basic = b64encode(f"{value}:".encode()).decode().rstrip("=")
        for form in {value, quote(value, safe=""), basic} - {""}:
            text = text.replace(form, _MASK)
        return text

    def is_in(self, text: str) -> bool:
        """Return whether `text` holds the key."""
        return self.redact(text) != text

    def __repr__(self) -> str:
        return f"Secret({_MASK})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        raise TypeError("a Secret cannot be pickled")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a call is tried.

    Attributes
    ----------
    max_attempts
        Attempts in all, the first included.
    backoff_seconds, max_backoff_seconds
        The first and the longest wait; waits double and are shortened by up to half at random.
    rate_limit_seconds
        The shortest wait after a 429 without Retry-After: a vendor's window is a minute.
    total_seconds
        No new attempt begins after this time; waiting for the rate limit does not count.
    attempt_seconds
        The longest that one attempt may last, however steadily bytes trickle in; None sets no limit.
    """

    max_attempts: int = 6
    backoff_seconds: float = 0.5
    max_backoff_seconds: float = 60.0
    rate_limit_seconds: float = 15.0
    total_seconds: float = 600.0
    attempt_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """One named source of one vendor.

    Attributes
    ----------
    source
        The name under which its bars are stored.
    provider
        polygon (also for Massive, its new name) or databento.
    api_key
        From the environment; needed only when a request is made.
    client
        polygon: which of the vendor's two packages is used.
    base_url, gateway
        Address of polygon and databento; None for the vendor's own host. Databento's client uses https only.
    requests_per_minute
        The plan's limit; None for no limit.
    max_concurrency
        Most requests at once.
    timeout_seconds
        Longest wait for a connection, and between two bytes.
    publishing_lag_seconds
        How long after its close a bar may still be missing or unfinished; younger bars are not requested.
    dataset, schema, stype_in, max_cost_usd
        databento: what to request, the kind of its symbols, and how much a run may spend (0: nothing).
    check_record_counts
        databento: compare every response with the vendor's own count of its records (one more request).
    """

    source: str
    provider: Provider
    api_key: Secret | None = None
    client: Literal["polygon", "massive"] = "polygon"
    base_url: str | None = None
    gateway: str | None = None
    requests_per_minute: float | None = None
    max_concurrency: int = 4
    timeout_seconds: float = 30.0
    publishing_lag_seconds: float = 960.0
    dataset: str | None = None
    schema: str = "ohlcv-1m"
    stype_in: str = "raw_symbol"
    max_cost_usd: float = 0.0
    check_record_counts: bool = True
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def __post_init__(self) -> None:
        problems = tuple(f"sources.{self.source}.{problem}" for problem in _problems(self))
        if problems:
            raise ConfigError("; ".join(problems), problems)


def _problems(settings: NetworkSettings) -> list[str]:
    found: list[str] = []
    for name in ("base_url", "gateway"):
        url = getattr(settings, name)
        if url is not None:
            found += [f"{name}: {problem}" for problem in _url_problems(url, https=name == "gateway")]
    if settings.provider == "databento" and not settings.dataset:
        found.append("dataset: it is missing; databento needs one, like XNAS.ITCH")
    if settings.requests_per_minute is not None and settings.requests_per_minute < 1:
        found.append(f"requests_per_minute: {settings.requests_per_minute} is less than 1")
    if settings.max_concurrency < 1:
        found.append(f"max_concurrency: {settings.max_concurrency} is less than 1")
    if settings.timeout_seconds <= 0:
        found.append(f"timeout_seconds: {settings.timeout_seconds} is not positive")
    if settings.max_cost_usd < 0:
        found.append(f"max_cost_usd: {settings.max_cost_usd} is negative")
    return found


def _url_problems(url: str, *, https: bool) -> list[str]:
    parts = urlsplit(url)
    # The value itself stays out of the messages: it may hold credentials.
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        return ["holds credentials; give the key as api_key"]
    if re.search(r"api_?key=", parts.query, re.IGNORECASE):
        return ["holds a key; give it as api_key"]
    valid = ("https",) if https else ("http", "https")
    if parts.scheme not in valid or not parts.hostname:
        return [f"{url!r} is not an address; use one like {valid[0]}://127.0.0.1:8080"]
    if parts.path.strip("/") or parts.query or parts.fragment:
        return [f"{url!r} has more than scheme, host and port; the vendor's client cannot use the rest"]
    return []
