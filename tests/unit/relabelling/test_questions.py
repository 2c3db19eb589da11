import re

import numpy as np
import pytest

from noisefix.annotators.prompts import PromptStyle
from noisefix.relabelling import questions as module
from noisefix.relabelling.questions import QuestionParams, questions

STYLE = PromptStyle(task="Which one?", descriptions={}, seed=3)


@pytest.fixture
def rows(random_rows):
    return random_rows(40, seed=1)


def test_one_question_a_row_in_order(rows):
    asked = [7, 3, 30]
    made = list(questions(rows, asked, STYLE, QuestionParams()))
    assert [q.id for q in made] == ["r7", "r3", "r30"]
    for row, question in zip(asked, made, strict=True):
        assert set(question.label_pool) == {rows.class_names[k] for k in rows.label_pool(row)}
        assert rows.texts[row] in question.prompt[-1].content
        assert "Which one?" in question.prompt[-1].content


def test_pool_all_offers_every_class(rows):
    (question,) = questions(rows, [5], STYLE, QuestionParams(pool="all"))
    assert sorted(question.label_pool) == sorted(rows.class_names)


def test_every_vote_is_another_prompt(rows):
    made = list(questions(rows, [5, 6], STYLE, QuestionParams(pool="all", votes=3)))
    assert [(q.id, q.vote) for q in made] == [(r, v) for r in ("r5", "r6") for v in (0, 1, 2)]
    assert len({q.label_pool for q in made[:3]}) == 3


def test_examples_are_clean_and_never_the_row_or_its_twin(rows):
    rows.groups[9] = rows.groups[5]
    rows.p_error[:] = 0.9
    rows.p_error[[5, 9, 20, 21, 22, 23]] = 0.01
    (question,) = questions(rows, [5], STYLE, QuestionParams(pool="all"))
    shown = {int(n) for n in re.findall(r"text (\d+)\b", question.prompt[-1].content)}
    assert 9 not in shown
    assert shown - {5}
    assert shown - {5} <= {20, 21, 22, 23}
    (bare,) = questions(rows, [5], STYLE, QuestionParams(with_demonstrations=False))
    assert set(re.findall(r"text (\d+)\b", bare.prompt[-1].content)) == {"5"}


def test_the_blocks_in_which_rows_are_looked_up_change_nothing(rows, monkeypatch):
    asked = np.random.default_rng(0).permutation(40).tolist()
    whole = list(questions(rows, asked, STYLE, QuestionParams()))
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 7)
    assert list(questions(rows, asked, STYLE, QuestionParams())) == whole


@pytest.mark.parametrize("clean", [None, np.arange(40)])
def test_a_row_without_a_text_is_no_example(rows, clean):
    for row in range(0, 40, 2):
        rows.texts[row] = "..."
    made = list(questions(rows, [5, 7, 9], STYLE, QuestionParams(pool="all"), clean))
    shown = [text for q in made for text in re.findall(r">\n(.*)\n</data", q.prompt[-1].content)]
    assert len(shown) > 3
    assert "..." not in shown
