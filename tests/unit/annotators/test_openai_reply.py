"""From the JSON of a completion to a reply."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.annotators.budget import Usage
from noisefix.annotators.openai_reply import Completion, Token, read_completion, reply_of
from noisefix.annotators.protocol import Question


def question(*pool):
    return Question("a", pool or ("pos", "neg", "neutral"), ())


def body(message, **choice):
    return {"choices": [{"message": message, **choice}], "usage": {"prompt_tokens": 3}}


def test_the_usual_completion():
    got = read_completion(body({"content": "pos"}, finish_reason="stop"))
    assert got == Completion("pos", usage=Usage(3, None))


def test_content_in_parts():
    parts = [{"type": "text", "text": "po"}, {"type": "image"}, {"type": "text", "text": "s"}]
    assert read_completion(body({"content": parts})).text == "pos"


def test_empty_choices_are_an_empty_answer():
    assert read_completion({"choices": []}) == Completion("")


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        "x",
        3,
        {},
        {"choices": None},
        {"choices": ["x"]},
        {"choices": [{}]},
        {"choices": [{"message": "x"}]},
    ],
)
def test_what_is_no_completion(broken):
    assert read_completion(broken) is None


WORDS = """choices message content logprobs token logprob top_logprobs usage prompt_tokens refusal
finish_reason text"""
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS.split()),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(JSON)
def test_nothing_makes_it_raise(value):
    for tried in (value, {"choices": [{"message": value, "logprobs": value}], "usage": value}):
        completion = read_completion(tried)
        if completion is not None:
            reply_of(completion, question())


@pytest.mark.parametrize(
    ("text", "answer", "is_label"),
    [
        ('{"answer": "pos"}', "pos", True),
        ('{"answer": "none"}', "none", False),
        ('{"answer": "ambiguous"}', "ambiguous", False),
        ('{"answer": "POS"}', "pos", True),
        ('{"answer": "other"}', "invalid", False),
        ('{"answer": "pos", "answer": "neg"}', "invalid", False),
        ("pos", "pos", True),
        ("", "invalid", False),
    ],
)
def test_answers(text, answer, is_label):
    reply = reply_of(Completion(text), question())
    assert (reply.answer, reply.is_label, reply.raw_answer) == (answer, is_label, text)


def test_classes_with_the_names_of_escapes():
    pool = question("none", "invalid")
    for text, expected in [
        ('{"answer": "none"}', ("none", True)),
        ('{"answer": "invalid"}', ("invalid", True)),
        ('{"answer": "none of these"}', ("none", False)),
        ('{"answer": "ambiguous"}', ("ambiguous", False)),
        ('{"answer": "else"}', ("invalid", False)),
    ]:
        reply = reply_of(Completion(text), pool)
        assert (reply.answer, reply.is_label) == expected


def token(text, probability, **others):
    return Token(text, probability, {text: probability, **others} if others else {})


def test_probability_of_an_answer_of_several_tokens():
    tokens = (token('{"answer": "', 1.0), token("neu", 0.6), token("tral", 0.5), token('"}', 0.9))
    reply = reply_of(Completion('{"answer": "neutral"}', tokens=tokens), question())
    assert reply.confidence == pytest.approx(0.3)
    assert reply.probabilities is None  # nothing is known of the alternatives


def test_mass_of_the_alternatives_goes_where_they_lead():
    tokens = (token(' "', 1.0), token("ne", 0.7, pos=0.2, amb=0.1), token("g", 0.8, utral=0.2))
    reply = reply_of(Completion('{"answer": "neg"}', tokens=tokens), question())
    assert reply.confidence == pytest.approx(0.56)
    assert reply.probabilities == pytest.approx(
        {"pos": 0.2, "neg": 0.56, "neutral": 0.14, "none": 0.0, "ambiguous": 0.1}
    )


def test_an_alternative_that_leads_to_several_is_shared():
    tokens = (token(" pos", 0.5, **{" ne": 0.4, " x": 0.1}),)
    reply = reply_of(Completion("pos", tokens=tokens), question())
    assert reply.probabilities == pytest.approx(
        {"pos": 0.5 / 0.9, "neg": 0.2 / 0.9, "neutral": 0.2 / 0.9, "none": 0.0, "ambiguous": 0.0}
    )


def test_a_label_that_begins_another_one():
    tokens = (token('"', 1.0), token("a", 0.9, ab=0.1), token('"', 0.7, **{"b": 0.3}))
    reply = reply_of(Completion('{"answer": "a"}', tokens=tokens), question("a", "ab"))
    assert reply.confidence == pytest.approx(0.9)
    assert reply.probabilities["ab"] == pytest.approx(0.1)


def test_no_confidence_for_what_is_no_answer():
    tokens = (token("x", 0.9),)
    assert reply_of(Completion("x", tokens=tokens), question()).confidence is None
    assert reply_of(Completion("POS", tokens=(token("POS", 0.5),)), question()).confidence is None


def test_log_probabilities_are_read():
    logprobs = {
        "content": [
            {
                "token": "pos",
                "logprob": math.log(0.5),
                "top_logprobs": [{"token": "neg", "logprob": math.log(0.25)}],
            }
        ]
    }
    completion = read_completion(body({"content": "pos"}, logprobs=logprobs))
    assert completion.tokens == (Token("pos", pytest.approx(0.5), {"neg": pytest.approx(0.25)}),)
    json.dumps(reply_of(completion, question()).probabilities)
