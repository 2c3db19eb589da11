"""Finding out what a server understands, without a server."""

import pytest

from noisefix.annotators.openai_complaint import complaint_of
from noisefix.annotators.openai_features import Features
from noisefix.annotators.openai_room import Room

ALL = ("response_format", "logprobs", "seed", "max_tokens", "temperature", "system")


def test_begins_with_everything_that_has_a_value():
    assert Features(Room(100), 0.0, 1).active == ALL
    assert Features(Room(None), None, None).active == ("response_format", "logprobs", "system")
    assert Features(Room(100), 0.0, 1, without=("logprobs", "seed")).active == (
        "response_format",
        "max_tokens",
        "temperature",
        "system",
    )


def test_a_named_parameter_is_dropped():
    features = Features(Room(100), 0.0, 1)
    assert features.adapt(ALL, "Unknown parameter: 'seed'")
    assert "seed" not in features.active
    assert len(features.active) == 5


def test_what_another_request_found_out_is_used():
    features = Features(Room(100), 0.0, 1)
    features.adapt(ALL, "seed")
    known = features.active
    assert features.adapt(ALL, "seed")  # sent before that was known: send again, drop nothing
    assert features.active == known


def test_an_unexplained_complaint_drops_one_after_the_other_then_none():
    features = Features(Room(100), 0.0, 1)
    for left in range(5, -1, -1):
        assert features.adapt(features.active, "no")
        assert len(features.active) == left
    assert not features.adapt((), "no")
    assert features.active == ALL  # it was none of them
    assert not features.adapt(ALL, "no")


def test_after_a_success_an_unexplained_complaint_is_about_the_question():
    features = Features(Room(100), 0.0, 1)
    features.is_proven = True
    assert not features.adapt(ALL, "the text is strange")
    assert features.active == ALL
    assert features.adapt(ALL, "logprobs are not available just now")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"message": "a", "param": "b", "code": "c"}}, "a; b; c"),
        ({"error": {"message": "a", "param": None, "code": 400}}, "a; 400"),
        ({"error": "plain"}, "plain"),
        ({"message": "m"}, "m"),
        ({"detail": "d"}, "d"),
        ({"detail": [{"loc": ["body", "x"], "msg": "bad", "input": "text"}]}, "body.x: bad"),
        ({"detail": ["odd"]}, "odd"),
        ({}, ""),
        ([], ""),
        (None, ""),
        ("text", "text"),
    ],
)
def test_complaints_in_every_form(body, expected):
    assert complaint_of(body) == expected
