"""How long to wait, in every way that servers say it."""

from datetime import UTC, datetime

import pytest

from noisefix.annotators.rate_limits import is_per_minute, seconds_of, told_wait_s

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = str(int(NOW.timestamp()) + 20)


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
    assert told_wait_s(headers, words, NOW) == expected


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
