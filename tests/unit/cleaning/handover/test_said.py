import pytest

from noisefix.cleaning.handover.said import utc_time


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("2026-03-09T22:16:08.728378Z", "2026-03-09T22:16:08.728+00:00"),
        ("2026-03-09T22:16:08+02:00", "2026-03-09T20:16:08.000+00:00"),
        ("2026-03-09T22:16:08", "2026-03-09T22:16:08.000+00:00"),
        ("yesterday", ""),
        (None, ""),
        (5, ""),
        ("0001-01-01T00:00:00+12:00", ""),
    ],
)
def test_times_are_written_as_ours(said, time):
    assert utc_time(said) == time
