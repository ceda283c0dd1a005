"""Settings of a vendor's source: address, key, speed, retries."""

from __future__ import annotations

import functools
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Provider = Literal["polygon", "databento"]

_MASK = "***"
# Shorter keys are words of tests, which the names and values of a body may hold as well.
_SHORTEST_KEY_IN_A_BODY = 8


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
        """Return `text` with the key masked, also where it is escaped for JSON or a URL, or encoded for a header."""
        return _masked(self.reveal().strip(), text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def redact_body(self, body: bytes) -> bytes:
        """Return a vendor's text with the key masked like `redact`, before it is parsed."""
        value = self.reveal().strip()
        return body if len(value) < _SHORTEST_KEY_IN_A_BODY else _masked(value, body)

    def is_in(self, text: str) -> bool:
        """Return whether `text` holds the key."""
        return self.redact(text) != text

    def __repr__(self) -> str:
        return f"Secret({_MASK})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        raise TypeError("a Secret cannot be pickled")


def _masked(key: str, text: bytes) -> bytes:
    for form in _forms_of(key):
        text = form.sub(_MASK.encode(), text)
    return text


@functools.lru_cache(maxsize=16)
def _forms_of(key: str) -> tuple[re.Pattern[bytes], ...]:
    """Return patterns of a key as it is sent: as it stands, or as the user name of basic authentication."""
    basic = b64encode(f"{key}:".encode()).decode().rstrip("=")
    # A pattern for each, because only a pattern that begins with few different bytes is searched fast.
    return tuple(re.compile(b"".join(map(_forms_of_character, one))) for one in (key, basic)) if key else ()


def _forms_of_character(character: str) -> bytes:
    """Return a pattern of a character as it stands and percent-encoded, both also as JSON escapes."""
    forms = _forms_in_json(character)
    encoded = "".join(f"%{byte:02x}" for byte in character.encode())
    rest = b"".join(b"(?:%s)" % b"|".join(_forms_in_json(one) + _forms_in_json(one.upper())) for one in encoded[1:])
    return b"(?:%s)" % b"|".join(forms + [percent + rest for percent in _forms_in_json("%")])


def _forms_in_json(character: str) -> list[bytes]:
    escaped = "".join(f"[{one}{one.upper()}]" for one in f"{ord(character):04x}").encode()
    return [re.escape(character.encode()), rb"\\u" + escaped, *([rb"\\/"] if character == "/" else [])]


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
    """One named source of one vendor, as `mtstore.config.sources` has checked it.

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
