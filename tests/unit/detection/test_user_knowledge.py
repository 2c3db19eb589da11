"""What the user says of the labels as a whole names classes of the data."""

from __future__ import annotations

import pytest

from noisefix.detection.user_knowledge import known_class, known_order, known_shares
from noisefix.errors import DataError, UsageError

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


def test_an_order_gives_every_class_its_place():
    assert known_order(None, ("a", "b")) is None
    assert known_order("bad, so-so,good", ("bad", "good", "so-so")).tolist() == [0, 2, 1]
    assert known_order("1,2,3,4,5", ("1", "5")).tolist() == [0, 4]  # a step that no row has
    assert known_order("a,b,c,d", ("a,b", "c,d")).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("order", "kind", "message"),
    [
        ("bad,bad,good", UsageError, "names 'bad' twice"),
        ("bad,,good", UsageError, "holds an empty name"),
        ("bad", DataError, "leaves out 'good'"),
    ],
)
def test_an_order_that_cannot_be_is_refused(order, kind, message):
    with pytest.raises(kind, match=message):
        known_order(order, ("bad", "good"))
