"""Other wordings of a question, and what they change."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.annotators.prompts import PromptStyle, render_question
from noisefix.annotators.protocol import INVALID, Answer
from noisefix.annotators.templates import PromptTemplate
from noisefix.annotators.wordings import NAMES, count_flips, with_typing_errors, wording

TEXT = "The parcel that I have been waiting for since Monday did not arrive, what now? " * 5
STYLE = PromptStyle(in_other_words=True)


def asked(vote, style=STYLE):
    return render_question("1", TEXT, ["refund", "delivery", "other"], style=style, vote=vote)


def user(question):
    return question.prompt[1].content


def test_every_wording_changes_what_it_says():
    plain = render_question("1", TEXT, ["refund", "delivery", "other"])
    first, order, words, errors = (asked(vote) for vote in range(4))
    assert first == plain
    assert order.label_pool != first.label_pool
    assert TEXT.strip() in user(order)
    assert user(words).index(TEXT.strip()) < user(words).index("Which of these labels")
    assert TEXT.strip() not in user(errors)
    assert "Labels:" in user(errors)
    assert all(set(q.label_pool) == set(first.label_pool) for q in (order, words, errors))


def test_votes_that_are_not_in_other_words_change_the_order_alone():
    for vote in range(5):
        assert TEXT.strip() in user(asked(vote, replace(STYLE, in_other_words=False)))


def test_a_wording_of_the_users_own_stays():
    style = replace(STYLE, template=PromptTemplate("Mine:\n$labels\n$text"))
    assert user(asked(2, style)).startswith("Mine:")


def test_wordings_come_over_and_over_but_the_first_only_once():
    assert [NAMES[wording(vote)] for vote in range(8)] == [*NAMES, *NAMES[1:], NAMES[1]]


@given(st.text(max_size=300), st.integers(0, 5))
def test_typing_errors_are_the_same_each_time_and_touch_letters_only(text, seed):
    found = with_typing_errors(text, seed)
    assert found == with_typing_errors(text, seed)
    assert [c for c in found if not c.isalpha()] == [c for c in text if not c.isalpha()]


def test_about_one_letter_in_twenty_is_touched():
    letters = "abcdefghij" * 200
    assert with_typing_errors(letters, 1) != with_typing_errors(letters, 2)
    kept = sum(a == b for a, b in zip(letters, with_typing_errors(letters, 0), strict=False))
    assert with_typing_errors(letters, 0) != letters
    assert abs(len(with_typing_errors(letters, 0)) - len(letters)) < 100
    assert kept < len(letters)


def said(answer, vote):
    return Answer("1", answer, is_label=True, vote=vote)


def test_flips_are_counted_for_each_wording():
    rows = [
        [said("a", 0), said("a", 1), said("b", 2), said("a", 3)],
        [said("a", 0), said("b", 1), said("b", 2), Answer("2", INVALID, vote=3)],
        [Answer("3", INVALID, vote=0), said("b", 1)],
    ]
    found = {flips.wording: (flips.compared, flips.changed) for flips in count_flips(rows)}
    assert found == {NAMES[1]: (2, 1), NAMES[2]: (2, 2), NAMES[3]: (1, 0)}
    assert count_flips([[said("a", 0)]]) == ()
    assert count_flips(rows)[0].rate == pytest.approx(0.5)
