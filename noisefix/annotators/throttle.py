"""How many requests may be in flight: additive increase, multiplicative decrease."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque


class Throttle:
    """Limits the requests in flight, and learns the limit from the server's 429s.

    Starts with a single request: a wrong key, a wrong model name or an unsupported option is then
    found out with one request and not with ``ceiling`` of them. ``open_up`` ends that. After a
    429, too, one request goes first, and the others when it is answered. Belongs to one event
    loop.

    Args:
        ceiling: most requests in flight.

    Attributes:
        refusals: 429s one after the other; those of requests under way together count once.
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self.limit = 1.0
        self.active = 0
        self._is_open = False
        self._resume_at = 0.0
        self._slowed_at = -1.0
        self._is_testing = False
        self.refusals = 0
        self._window_at: float | None = None
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._closed = asyncio.Event()

    async def enter(self) -> float:
        """Wait for a free place and take it; return the time, for :meth:`slow_down`."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            if now < self._resume_at and not self._closed.is_set():
                await self.nap(self._resume_at - now)
            elif self.active < self._allowed or self._closed.is_set():
                self.active += 1
                if self._window_at is None:
                    self._window_at = now
                return now
            else:
                waiter = loop.create_future()
                self._waiters.append(waiter)
                await waiter

    def leave(self, *, succeeded: bool = False) -> None:
        """Give the place back; a success allows a little more, up to the ceiling."""
        self.active -= 1
        if succeeded:
            if self._is_testing and asyncio.get_running_loop().time() >= self._resume_at:
                self._is_testing, self.refusals = False, 0
            if not self._is_open:
                self._open()
            elif self.limit < self.ceiling:
                self.limit = min(self.limit + 1.0 / self.limit, float(self.ceiling))
        self._wake()

    def open_up(self) -> None:
        """Let nobody wait for the request that went first: the server is there."""
        self._is_testing = False
        self._open()
        self._wake()

    def slow_down(self, entered_at: float) -> None:
        """Halve the limit after a 429.

        Requests that were already under way at the last decrease do not decrease it again: they
        tell nothing about the lower limit.

        Args:
            entered_at: what ``enter`` returned for the request.
        """
        self._open()
        if entered_at > self._slowed_at:
            self.limit = max(self.limit / 2.0, 1.0)
            self._slowed_at = asyncio.get_running_loop().time()
            self._is_testing = True
            self.refusals += 1

    def window_left_s(self, window_s: float) -> float:
        """Return the seconds until a limit on the requests in a while begins anew.

        Args:
            window_s: how long such a while is; it began with the first request after the last
                pause, or as many of them ago as have passed.
        """
        now = asyncio.get_running_loop().time()
        if self._window_at is None:
            return max(self._resume_at - now, 0.0)
        return window_s - (now - self._window_at) % window_s

    def pause(self, seconds: float) -> None:
        """Start no request for a while: what Retry-After asks for."""
        resume_at = asyncio.get_running_loop().time() + seconds
        self._resume_at = max(self._resume_at, resume_at)
        self._window_at = None

    async def nap(self, seconds: float) -> None:
        """Wait so long, or until ``close``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()

    def close(self) -> None:
        """End all waiting: nothing more is to be sent, and those who wait shall learn of it."""
        self._closed.set()
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _open(self) -> None:
        """Allow everything that is configured: the server understands."""
        if not self._is_open:
            self._is_open = True
            self.limit = float(self.ceiling)

    @property
    def _allowed(self) -> int:
        return 1 if self._is_testing else int(self.limit)

    def _wake(self) -> None:
        free = self._allowed - self.active
        while free > 0 and self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                free -= 1
