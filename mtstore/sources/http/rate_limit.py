"""A rate limiter that threads share, and waits that a cancellation ends at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.1
"""Interval at which a waiting thread checks for cancellation."""


class StopSignal(threading.Event):
    """An event that also counts as set while `outer` is set; setting it does not set `outer`."""

    def __init__(self, outer: threading.Event | None = None) -> None:
        super().__init__()
        self._outer = outer

    def is_set(self) -> bool:
        return super().is_set() or (self._outer is not None and self._outer.is_set())

    def wait(self, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = POLL_SECONDS if deadline is None else min(POLL_SECONDS, deadline - time.monotonic())
            if left <= 0:
                break
            super().wait(left)
        return self.is_set()


def check(cancel: threading.Event | None) -> None:
    """Raise `concurrent.futures.CancelledError` if `cancel` is set."""
    if cancel is not None and cancel.is_set():
        raise CancelledError("cancelled")


def sleep(seconds: float, cancel: threading.Event | None) -> None:
    """Sleep, or raise CancelledError as soon as `cancel` is set."""
    check(cancel)
    if seconds <= 0:
        return
    if cancel is None:
        time.sleep(seconds)
    elif cancel.wait(seconds):
        check(cancel)


class Limiter:
    """The rate limit of a vendor, shared by all threads that call it.

    At most `requests_per_minute` requests in any window of a minute, and at most `max_concurrency` at once.
    """

    def __init__(
        self, *, requests_per_minute: float | None, max_concurrency: int, window_seconds: float = 60.0
    ) -> None:
        self._tokens = None if requests_per_minute is None else max(1, int(requests_per_minute))
        self._max_concurrency = max_concurrency
        self._window = window_seconds
        self._changed = threading.Condition()
        self._ended: deque[float] = deque()
        self._in_flight = 0
        self._paused_until = 0.0

    @contextmanager
    def slot(self, cancel: threading.Event | None = None) -> Iterator[float]:
        """Wait until one request is allowed, and count it while it runs; the value is the seconds waited."""
        began = time.monotonic()
        with self._changed:
            while (wait := self._wait_seconds(time.monotonic())) > 0:
                self._changed.wait(min(wait, POLL_SECONDS))
                check(cancel)
            check(cancel)
            self._in_flight += 1
        try:
            yield time.monotonic() - began
        finally:
            with self._changed:
                # A token is free again a minute after its request *ended*: the vendor counts arrivals, and a request
                # may arrive at any time until then.
                self._in_flight -= 1
                self._ended.append(time.monotonic())
                self._changed.notify_all()

    @property
    def is_nearly_used_up(self) -> bool:
        """Whether one of the threads may have to wait before its next request, or the vendor asked so of late."""
        with self._changed:
            now = time.monotonic()
            self._forget_ended(now)
            was_paused = self._paused_until > 0 and now < self._paused_until + self._window
            return was_paused or self._has_fewer_tokens_than(self._max_concurrency)

    def _has_fewer_tokens_than(self, count: int) -> bool:
        return self._tokens is not None and self._tokens - self._in_flight - len(self._ended) < count

    def pause(self, seconds: float) -> None:
        """Start no request for `seconds`, because the vendor asks to wait."""
        with self._changed:
            self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def _forget_ended(self, now: float) -> None:
        while self._ended and self._ended[0] <= now - self._window:
            self._ended.popleft()

    def _wait_seconds(self, now: float) -> float:
        self._forget_ended(now)
        if now < self._paused_until:
            return self._paused_until - now
        if self._in_flight >= self._max_concurrency:
            return self._window
        if self._has_fewer_tokens_than(1):
            return self._ended[0] + self._window - now if self._ended else self._window
        return 0.0


class AbandonedError(Exception):
    """No caller waits for the work of this thread any more."""


class OutOfTimeError(Exception):
    """A call lasted longer than allowed."""


class Call(Generic[T]):
    """Work that blocks on a socket, in a thread, so that its caller can stop waiting at once.

    Python cannot interrupt a thread in `recv`. When the caller is cancelled or out of time, `given_up` is set and the
    caller returns; the daemon thread ends at its socket's timeout or when it next checks `given_up`.
    """

    def __init__(self, work: Callable[[threading.Event], T]) -> None:
        self.given_up = threading.Event()
        self._work = work
        self._done = threading.Event()
        self._value: list[T] = []
        self._error: BaseException | None = None

    def run(self, cancel: threading.Event | None, *, seconds: float | None = None) -> T:
        """Return the work's value, or raise its exception.

        Raises
        ------
        CancelledError
            `cancel` was set, within a tenth of a second of it.
        OutOfTimeError
            The work lasted longer than `seconds`.
        """
        check(cancel)
        deadline = None if seconds is None else time.monotonic() + seconds
        threading.Thread(target=self._run, name="mtstore-vendor-call", daemon=True).start()
        try:
            while not self._done.wait(POLL_SECONDS):
                check(cancel)
                if deadline is not None and time.monotonic() >= deadline:
                    raise OutOfTimeError(f"no complete response within {seconds:g} s")
        finally:
            self.given_up.set()
        if self._error is not None:
            raise self._error
        return self._value[0]

    def _run(self) -> None:
        try:
            self._value.append(self._work(self.given_up))
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that waits, which raises it
            self._error = error
        finally:
            self._done.set()
