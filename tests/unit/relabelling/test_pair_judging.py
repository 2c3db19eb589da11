"""When a text and its edit are a pair."""

from __future__ import annotations

import pytest

from noisefix.relabelling.pair_judging import why_not


@pytest.mark.parametrize(
    ("outcome", "similarity", "probe", "vote", "is_accepted"),
    [
        ("edited", 0.6, "a", None, True),
        ("edited", 0.9, "b", "a", True),
        ("edited", 0.9, "a", "b", True),
        ("edited", 0.59, "a", "a", False),
        ("edited", 0.9, "b", None, False),
        ("edited", 0.9, "b", "b", False),
        ("no edit", None, None, None, False),
        ("invalid", None, None, None, False),
    ],
)
def test_acceptance(outcome, similarity, probe, vote, is_accepted):
    reason = why_not(outcome, similarity, "a", probe, vote)
    assert (reason == "") == is_accepted
