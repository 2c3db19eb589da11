"""Answers from a column: what each kind of cell comes to."""

import pytest

from noisefix.annotators.column import ColumnAnnotator
from noisefix.annotators.protocol import Annotator, Answer, Message, Question, identity_of
from noisefix.errors import DataError

CLASSES = ("favor", "against", "none")


def question(row_id: str, *pool: str) -> Question:
    return Question(row_id, pool or ("favor", "against"), (Message("user", "?"),))


def answer_of(cell: str | None, classes: tuple[str, ...] = CLASSES) -> Answer:
    (answer,) = ColumnAnnotator("llm", {"1": cell}, classes).annotate([question("1")])
    return answer


@pytest.mark.parametrize(
    ("cell", "label"),
    [("favor", "favor"), (" Favor ", "favor"), ('"AGAINST"', "against"), ("none", "none")],
)
def test_a_class_is_the_answer_also_outside_of_the_pool(cell: str, label: str) -> None:
    answer = answer_of(cell)
    assert (answer.answer, answer.is_label, answer.error) == (label, True, None)
    assert answer.raw_answer == cell
    assert (answer.annotator, answer.model, answer.attempts) == ("column", "llm", 0)


@pytest.mark.parametrize(
    ("cell", "word"),
    [
        ("none", "none"),
        ("Ambiguous", "ambiguous"),
        ("refused", "refused"),
        ("banana", "invalid"),
        ("a or b", "invalid"),
        ("invalid", "invalid"),
    ],
)
def test_cells_that_are_no_class(cell: str, word: str) -> None:
    answer = answer_of(cell, ("a", "b"))
    assert (answer.answer, answer.is_label, answer.error) == (word, False, None)


@pytest.mark.parametrize("cell", [None, "", "  \t"])
def test_an_empty_cell_is_no_answer(cell: str | None) -> None:
    answer = answer_of(cell)
    assert answer.answer is None
    assert answer.error == "column 'llm' is empty here"
    assert answer.raw_answer is None


def test_names_that_differ_in_case_only_are_not_mixed_up() -> None:
    assert answer_of("us", ("US", "us")).answer == "us"
    assert answer_of("Us", ("US", "us")).answer == "invalid"


def test_confidences_votes_and_order() -> None:
    annotator = ColumnAnnotator("llm", {"1": "a", "2": "x"}, ("a",), {"1": 0.7, "2": 0.9})
    asked = [question("2"), Question("1", ("a",), (Message("user", "?"),), vote=3)]
    answers = list(annotator.annotate(asked))
    assert [answer.id for answer in answers] == ["2", "1"]
    assert [answer.confidence for answer in answers] == [None, 0.7]
    assert answers[1].vote == 3


def test_answers_are_not_stored() -> None:
    annotator = ColumnAnnotator("llm", {}, ("a",))
    assert isinstance(annotator, Annotator)
    assert identity_of(annotator).reusable is False


def test_a_row_that_the_column_does_not_have() -> None:
    with pytest.raises(DataError, match="column 'llm': no cell for row '9'"):
        list(ColumnAnnotator("llm", {"1": "a"}, ("a",)).annotate([question("9")]))
