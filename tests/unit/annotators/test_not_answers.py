"""Answers of the kind "not X": how they are asked for, read, stored and counted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.annotators.engine import ask
from noisefix.annotators.openai_reply import Completion, reply_of
from noisefix.annotators.parsing import parse_answer
from noisefix.annotators.prompts import Demonstration, PromptStyle, render_question
from noisefix.annotators.protocol import (
    INVALID,
    NONE,
    Answer,
    Identity,
    escape_words,
    key_maker,
    not_words,
)
from noisefix.annotators.store import AnswerStore
from noisefix.annotators.votes import combined

POOL = ("billing", "shipping", "other")
SHOWN = (
    Demonstration("Where is my parcel?", "shipping"),
    Demonstration("I was charged twice.", "billing"),
)


def question(pool=POOL, **style):
    return render_question("1", "Where is my money?", pool, SHOWN, PromptStyle(seed=3, **style), 1)


@pytest.mark.parametrize(
    ("form", "key"),
    [
        ("json", "02c9d910f0d37fa1fd0d6d8420ffda557e1f503edfc582b6088ac172475ce660"),
        ("plain", "d6048c0a77bb9b0947eb7e99dac5a54169ea97713d755f3952fab4a9eb00973d"),
    ],
)
def test_without_them_everything_is_asked_as_ever(form, key):
    """The keys that stored answers have: a changed byte of the prompt would pay for all again."""
    identity = Identity("openai", "m", {"temperature": 0})
    assert key_maker(identity)(question(answer_form=form)).hex() == key
    assert key_maker(identity)(question(answer_form=form, allow_not=True)).hex() != key


def test_the_prompt_says_that_they_are_answers():
    plain, asked = question(), question(allow_not=True)
    assert asked.allowed == (*plain.allowed, *(f"not {label}" for label in asked.label_pool))
    assert asked.schema["properties"]["answer"]["enum"] == list(asked.allowed)
    system, user = (message.content for message in asked.prompt)
    assert system.startswith(plain.prompt[0].content)
    first = asked.label_pool[0]
    assert f'- "not {first}", and so for every label of this list: "{first}" is surely' in user
    assert f'"not {asked.label_pool[2]}"' in user


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6, unique=True))
def test_every_word_has_one_meaning(pool):
    words = not_words(pool)
    assert set(words.values()) == set(pool)
    assert not set(words) & {*pool, *escape_words(pool)}


def test_a_class_called_not_x_is_a_class():
    pool = ("not spam", "spam", "none")
    assert not_words(pool) == {
        "not not spam": "not spam",
        "(not spam)": "spam",
        "not none": "none",
    }
    found = parse_answer("not spam", pool, allow_not=True)
    assert (found.answer, found.is_label) == ("not spam", True)
    assert parse_answer("(not spam)", pool, allow_not=True).answer in ("(not spam)", "not spam")


@pytest.mark.parametrize(
    "raw",
    [
        '{"answer": "not billing"}',
        "not billing",
        "Not Billing.",
        "Label: not billing",
        "This is not billing.",
        '<think>It may be shipping.</think>{"answer": "not billing"}',
    ],
)
def test_words_that_rule_out(raw):
    found = parse_answer(raw, POOL, allow_not=True)
    assert (found.answer, found.is_label) == ("not billing", False)
    assert parse_answer(raw, POOL).answer == INVALID
    reply = reply_of(Completion(raw), question(allow_not=True))
    assert (reply.answer, reply.is_label) == ("not billing", False)
    assert reply_of(Completion(raw), question()).answer == INVALID


def test_two_that_differ_are_none():
    both = '{"answer": "not billing"}\n{"answer": "not other"}'
    assert parse_answer(both, POOL, allow_not=True).answer == INVALID
    assert parse_answer("It is not billing but shipping", POOL, allow_not=True).answer == INVALID
    assert parse_answer("none", POOL, allow_not=True).answer == NONE


class Says:
    identity = Identity("scripted", "m")

    def __init__(self, word):
        self.word, self.asked = word, 0

    def annotate(self, questions):
        for asked in questions:
            self.asked += 1
            yield replace(asked.blank(self.identity), answer=self.word)


def test_it_is_stored_and_never_paid_twice(tmp_path):
    annotator = Says("not billing")
    with AnswerStore(tmp_path / "a.sqlite") as store:
        for _ in range(2):
            [answer] = ask(annotator, [question(allow_not=True)], store=store)
            assert (answer.answer, answer.label, answer.rejected) == (
                "not billing",
                None,
                ("billing",),
            )
            assert not answer.is_useless
        assert (annotator.asked, answer.reused) == (1, True)
    [refused] = ask(annotator, [question()])
    assert (refused.answer, refused.rejected) == (INVALID, ())
    [foreign] = ask(Says("not quite"), [question(allow_not=True)])
    assert (foreign.answer, foreign.rejected) == (INVALID, ())


def vote(number, answer, *rejected, is_label=False):
    return Answer("1", answer, is_label, vote=number, rejected=rejected)


def test_every_vote_that_rules_out_counts():
    votes = [vote(0, "not a", "a"), vote(1, "not b", "b"), vote(2, "not a", "a")]
    won = combined(votes)
    assert (won.answer, won.rejected, won.label) == ("not a, not b", ("a", "b", "a"), None)
    assert won.confidence == pytest.approx(2 / 3)
    labels = [vote(3, "c", is_label=True), vote(4, "c", is_label=True), votes[0]]
    assert combined(labels).rejected == ()
    assert json.dumps(combined(votes).answer)
