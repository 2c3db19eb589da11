"""What the user says of the labels as a whole names classes of the data."""

from __future__ import annotations

import pytest

from noisefix.detection.user_knowledge import known_class, known_shares
from noisefix.errors import DataError

NAMES = ("ham", "other", "spam")


def test_a_class_is_found_by_its_name():
    assert known_class("--unverified-class", "other", NAMES) == 1
    assert known_class("--unverified-class", None, NAMES) is None


def test_what_is_no_class_is_refused_with_the_classes():
    with pytest.raises(DataError, match="--unverified-class names 'egg'") as refused:
        known_class("--unverified-class", "egg", NAMES)
    assert refused.value.hint == "the classes are ham, other, spam"
    many = tuple(f"c{k:02d}" for k in range(14))
    with pytest.raises(DataError) as refused:
        known_class("--unverified-class", "", many)
    assert str(refused.value.hint).endswith("c09 and 4 more")


def test_shares_left_out_share_the_rest():
    assert known_shares((), NAMES) is None
    shares = known_shares((("spam", 0.5),), NAMES)
    assert shares is not None
    assert shares.tolist() == [0.25, 0.25, 0.5]
