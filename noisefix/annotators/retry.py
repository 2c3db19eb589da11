"""When to ask again, and how long to wait before it: by rule, by header, or by what is said."""

from __future__ import annotations

import email.utils
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

RETRY_STATUSES = frozenset({408, 409, 429})
"""Retried besides every 5xx; any other status means that asking again would not help."""


class RetryableError(Exception):
    """A request failed in a way that may pass: a timeout, a broken connection, 408/409/429/5xx.

    Args:
        message: what happened; no secrets, no texts.
        hint: what the user can do when it does not pass.
        retry_after: seconds that the server asked to wait; None when it did not say.
        slow_down: True when the server says that it is asked too much (429).
        per_minute: True when it says that it counts by the minute.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        retry_after: float | None = None,
        slow_down: bool = False,
        per_minute: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retry_after = retry_after
        self.slow_down = slow_down
        self.per_minute = per_minute


class LostError(RetryableError):
    """Whoever had sent the request is gone: it may have been answered, and have to be paid."""


class RejectedError(Exception):
    """The server will not answer this one question, however often it is asked; others it may."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class RetryPolicy:
    """How patient to be.

    Attributes:
        max_attempts: failed requests after which a question is given up. A 429 does not count as
            long as other questions get through: the question waits for its turn.
        timeout_s: seconds a request may take from start to end, however slowly data arrives.
        first_wait_s: mean wait after the first failure; doubles with each further one.
        longest_wait_s: upper bound of that.
        longest_retry_after_s: a server that asks for a longer wait ends the run.
        window_s: over how long a limit counts when the server does not say: by the minute.
    """

    max_attempts: int = 6
    timeout_s: float = 60.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    longest_retry_after_s: float = 120.0
    window_s: float = 60.0

    @property
    def most_attempts(self) -> int:
        """Failed requests, 429s included, after which a question is given up in any case."""
        return 5 * self.max_attempts

    def wait_s(self, failures: int, random: np.random.Generator) -> float:
        """Return the seconds to wait after this many failures (1, 2, ...) of one question.

        Between half and one and a half of the exponential value, so that requests that failed
        together do not come back together.
        """
        mean = min(self.first_wait_s * 2.0 ** min(failures - 1, 60), self.longest_wait_s)
        return mean * (0.5 + float(random.random()))


def is_retryable(status: int) -> bool:
    """Return True for 408, 409, 429 and every 5xx."""
    return status in RETRY_STATUSES or 500 <= status <= 599


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the wait in seconds that a response asks for, or None when it asks for none.

    ``Retry-After`` holds seconds or an HTTP date (RFC 9110, section 10.2.3); ``retry-after-ms`` is
    what some LLM services send besides. A date in the past means no wait.

    Args:
        headers: response headers, found without regard to case.
        now: for tests; the current time otherwise.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        try:
            seconds = float(text) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max((date - (now or datetime.now(UTC))).total_seconds(), 0.0)


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SAID = re.compile(
    r"(?:try again|retry|wait|available|resets?)\b[^.\d]{0,30}?"
    r"((?:\d+(?:\.\d+)?\s*[a-z]{1,12}\s*){1,4})",
    re.IGNORECASE,
)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|d|h|m|s)", re.IGNORECASE)
_PER_MINUTE = re.compile(r"minute|\bper min\b|/min\b|\b[rt]pm\b", re.IGNORECASE)
_RESETS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
)


def told_wait_s(
    headers: Mapping[str, str], complaint: str, now: datetime | None = None
) -> float | None:
    """Return the wait in seconds that a response asks for, or None when it asks for none.

    ``Retry-After`` counts first, then what the complaint says ("try again in 1m12s"), then the
    headers that tell when a limit is reset.

    Args:
        headers: response headers, found without regard to case.
        complaint: the server's words.
        now: for tests; the current time otherwise.
    """
    asked = retry_after_s(headers, now)
    if asked is not None:
        return asked
    said = _SAID.search(complaint)
    wait_s = None if said is None else seconds_of(said[1])
    return _reset_s(headers, now) if wait_s is None else wait_s


def is_per_minute(complaint: str) -> bool:
    """Tell whether the limit that was reached counts by the minute."""
    return bool(_PER_MINUTE.search(complaint)) and "too large" not in complaint.lower()


def seconds_of(text: str) -> float | None:
    """Return the seconds of a duration such as ``12s``, ``1m30.5s``, ``200 ms``, ``2 minutes``."""
    parts = _PART.findall(text)
    if not parts:
        return None
    return sum(
        float(number) * (0.001 if unit.lower() in ("ms", "milli") else _UNITS[unit.lower()])
        for number, unit in parts
    )


def _reset_s(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """Return when the limits that are used up are reset, or the first of them when none says so."""
    used_up: list[float] = []
    others: list[float] = []
    for remaining, reset in _RESETS:
        text = headers.get(reset)
        wait_s = None if text is None else _until(text, now or datetime.now(UTC))
        if wait_s is not None:
            left = headers.get(remaining)
            if left is None:
                others.append(wait_s)
            elif left.strip() in ("0", "0.0"):
                used_up.append(wait_s)
    return max(used_up) if used_up else min(others, default=None)


def _until(text: str, now: datetime) -> float | None:
    """Return the seconds until a time: seconds, a duration, seconds or milliseconds since 1970."""
    try:
        value = float(text)
    except ValueError:
        wait_s = seconds_of(text) if re.fullmatch(r"[\d.\sa-z]+", text, re.IGNORECASE) else None
        if wait_s is not None:
            return wait_s
        try:
            date = datetime.fromisoformat(text.strip())
        except ValueError:
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max((date - now).total_seconds(), 0.0)
    if value > 1e11:
        value /= 1000.0
    return max(value - now.timestamp(), 0.0) if value > 1e9 else max(value, 0.0)
