import pytest

from noisefix.cli.wording import format_seconds, interval, percent, plural


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.004, "0.4 %"),
        (0.0094, "0.9 %"),
        (0.0096, "1 %"),
        (0.081, "8 %"),
        (0.12, "12 %"),
        (1, "100 %"),
    ],
)
def test_percent(share, text):
    assert percent(share) == text


def test_interval_says_the_unit_once():
    assert interval(0.08, 0.17) == "8 to 17 %"


def test_plural():
    assert plural(1, "row") == "1 row"
    assert plural(1200, "row") == "1,200 rows"
    assert plural(3, "class") == "3 classes"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (7500, "2 h 5 min")],
)
def test_seconds(seconds, text):
    assert format_seconds(seconds) == text
