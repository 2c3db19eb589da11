"""How long a server that is asked too much wants to be left alone: in headers, or in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from noisefix.annotators.retry import retry_after_s

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
