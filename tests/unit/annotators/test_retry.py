"""When to ask again and how long to wait."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest

from noisefix.annotators.retry import (
    RetryPolicy,
    is_per_minute,
    is_retryable,
    retry_after_s,
    seconds_of,
    told_wait_s,
)

NOW = datetime(2025, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529, 599])
def test_passing_troubles_are_retried(status):
    assert is_retryable(status)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 402, 403, 404, 413, 422, 600])
def test_nothing_else_is(status):
    assert not is_retryable(status)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90.0),
        ({"retry-after": format_datetime(NOW - timedelta(days=1), usegmt=True)}, 0.0),
        ({"retry-after": "Sat, 01 Mar 2025 12:00:30 -0000"}, 30.0),
    ],
)
def test_retry_after_in_seconds_and_as_a_date(headers, seconds):
    assert retry_after_s(headers, NOW) == seconds


def test_waits_grow_and_differ_and_stay_bounded():
    policy = RetryPolicy(first_wait_s=0.5, longest_wait_s=30.0)
    random = np.random.default_rng(0)
    for failures, mean in [(1, 0.5), (2, 1.0), (4, 4.0), (7, 30.0), (1000, 30.0)]:
        waits = [policy.wait_s(failures, random) for _ in range(200)]
        assert 0.5 * mean <= min(waits) < 0.6 * mean
        assert 1.4 * mean < max(waits) <= 1.5 * mean


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
LATER = str(int(NEW_YEAR.timestamp()) + 20)


@pytest.mark.parametrize(
    ("headers", "words", "expected"),
    [
        ({}, "", None),
        ({}, "Too many requests", None),
        ({"retry-after": "3"}, "try again in 12s", 3.0),
        ({}, "Limit 8, Used 8. Please try again in 12s.", 12.0),
        ({}, "Please try again in 1m30.5s.", 90.5),
        ({}, "Please retry in 250ms", 0.25),
        ({}, "please wait 20 seconds", 20.0),
        ({}, "quota; retry after 39 s", 39.0),
        ({}, "try again in 2 minutes", 120.0),
        ({"x-ratelimit-reset-requests": "7s"}, "", 7.0),
        ({"x-ratelimit-reset-requests": "7s", "x-ratelimit-remaining-requests": "5"}, "", None),
        ({"x-ratelimit-reset-requests": "7s", "x-ratelimit-remaining-requests": "0",
          "x-ratelimit-reset-tokens": "1m2s", "x-ratelimit-remaining-tokens": "90"}, "", 7.0),
        ({"x-ratelimit-reset": LATER}, "", 20.0),
        ({"x-ratelimit-reset": LATER + "000"}, "", 20.0),
        ({"anthropic-ratelimit-requests-reset": "2026-01-01T00:00:09Z"}, "", 9.0),
        ({"ratelimit-reset": "4"}, "", 4.0),
        ({"x-ratelimit-reset": "soon"}, "", None),
    ],
)  # fmt: skip
def test_the_wait_that_is_told(headers, words, expected):
    assert told_wait_s(headers, words, NEW_YEAR) == expected


@pytest.mark.parametrize(
    "words",
    ["Limit: 8 requests per minute", "rate limit of 20 RPM", "TPM exceeded", "5 requests/min"],
)
def test_limits_by_the_minute(words):
    assert is_per_minute(words)


@pytest.mark.parametrize(
    "words", ["", "per day", "request too large for the tokens per minute", "concurrency"]
)
def test_other_limits(words):
    assert not is_per_minute(words)


def test_durations():
    assert seconds_of("1h2m3.5s") == 3723.5
    assert seconds_of("200 milliseconds") == 0.2
    assert seconds_of("soon") is None
