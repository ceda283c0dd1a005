"""One request to a vendor: what it is about, how to cancel it, and what it took."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from mtstore.ranges import TimeRange, from_us


@dataclass(slots=True)
class RequestStats:
    """Requests in all, repeated requests, bytes received and seconds waited for the rate limit."""

    requests: int = 0
    retries: int = 0
    bytes_received: int = 0
    waited_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a request is about, also in log lines and errors; its cancellation and its statistics.

    `in_parts`: whether the answer about a ticker may come as several batches, each as soon as it is complete.
    """

    tickers: Sequence[str] = ()
    schema: str = ""
    range: TimeRange | None = None
    cancel: threading.Event | None = None
    stats: RequestStats = field(default_factory=RequestStats)
    what: str = "bars"
    in_parts: bool = False

    def __str__(self) -> str:
        shown = ", ".join(self.tickers[:3]) + (f" and {len(self.tickers) - 3} more" if len(self.tickers) > 3 else "")
        words = [self.what, *([f"of {shown}"] if shown else []), *([self.schema] if self.schema else [])]
        if self.range is not None:
            start, end = (from_us(us).strftime("%Y-%m-%dT%H:%M:%SZ") for us in (self.range.start_us, self.range.end_us))
            words.append(f"[{start}, {end})")
        return " ".join(words)

    @property
    def bounds(self) -> TimeRange:
        """The range of a request that has one."""
        if self.range is None:
            raise ValueError(f"{self} has no range")
        return self.range
