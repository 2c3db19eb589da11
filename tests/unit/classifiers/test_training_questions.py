"""Questions in the middle of a training, without the training."""

from __future__ import annotations

import re

import numpy as np
import pytest

from noisefix import detect
from noisefix.annotators.budget import BudgetError
from noisefix.annotators.column import ColumnAnnotator
from noisefix.annotators.protocol import NONE, Answer
from noisefix.annotators.weighing import NO_ANSWER, NONE_FITS
from noisefix.classifiers.training_questions import TrainingQuestions
from noisefix.errors import ServiceError, UsageError
from noisefix.relabelling.options import AskOptions
from noisefix.run.folder import RunFolder
from noisefix.run.rows import read_run_rows
from noisefix.training.division import NOT_ASKED

WORDS = {
    "account": ("password", "login", "profile"),
    "refund": ("refund", "money back", "reimburse"),
    "shipping": ("parcel", "courier", "tracking"),
}
CLASSES = tuple(sorted(WORDS))
ALL = AskOptions(pool="all")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("questions")
    lines = ["text,label"]
    for i in range(60):
        words = WORDS[CLASSES[i % 3]]
        lines.append(f"{words[i % 3 - 1]} and {words[(i // 3) % 3]} case {i},{CLASSES[i % 3]}")
    path = folder / "tickets.csv"
    path.write_text("\n".join(lines) + "\n")
    detect(path, encoder="tfidf")
    return RunFolder.open(folder / "tickets.noisefix")


@pytest.fixture(scope="module")
def rows(made):
    return read_run_rows(made)


@pytest.fixture
def folder(made, tmp_path):
    return RunFolder(tmp_path)  # no more than a place for the store


class Scripted:
    """Answers as a function of the row says; keeps the questions."""

    def __init__(self, respond=lambda row: CLASSES[row % 3]):
        self.respond, self.questions = respond, []

    def annotate(self, questions):
        for question in questions:
            self.questions.append(question)
            said = self.respond(int(question.id) - 1)
            if isinstance(said, Exception):
                raise said
            yield Answer(
                question.id,
                said,
                is_label=said in CLASSES,
                input_tokens=90,
                output_tokens=10,
                vote=question.vote,
                error=None if said else "cannot tell",
            )


def shown_in(question) -> list[int]:
    """Return the rows whose texts are in a prompt, its own last."""
    return [int(n) for n in re.findall(r"case (\d+)", question.prompt[-1].content)]


def test_examples_are_the_clean_rows_and_answers_become_class_ids(folder, rows):
    who = Scripted()
    clean = np.array([3, 4, 5, 30, 31, 32])
    with TrainingQuestions(folder, rows, who, ALL) as ask:
        found = ask(np.array([7, 20, 9]), clean)
        assert found.tolist() == [1, 2, 0]
        assert ask(np.array([7]), clean).tolist() == [1]
        report = ask.report()
    assert (report.asked, report.answered, report.reused) == (3, 3, 1)
    assert (report.input_tokens, report.output_tokens) == (270, 30)
    assert ask.failure is None
    assert len(who.questions) == 3
    for question in who.questions:
        *examples, own = shown_in(question)
        assert own == int(question.id) - 1
        assert set(examples) == set(clean)


def test_without_examples_the_questions_are_those_of_relabel(folder, rows):
    who = Scripted()
    options = AskOptions(pool="all", demonstrations=False, votes=3)
    with TrainingQuestions(folder, rows, who, options) as ask:
        assert ask(np.array([7]), np.array([3])).tolist() == [1]
    assert [question.vote for question in who.questions] == [0, 1, 2]
    assert all(shown_in(question) == [7] for question in who.questions)


def test_what_is_no_label(folder, rows):
    said = {0: NONE, 1: "ambiguous", 2: None, 3: "boat"}
    who = Scripted(lambda row: said.get(row, CLASSES[row % 3]))
    with TrainingQuestions(folder, rows, who, ALL) as ask:
        found = ask(np.arange(5), np.array([30, 31, 32]))
        assert found.tolist() == [NONE_FITS, NO_ANSWER, NO_ANSWER, NO_ANSWER, 1]
        assert ask.report().other_answers == {"ambiguous": 1, "invalid": 1, "no answer": 1, NONE: 1}
        assert ask.failure is not None  # a row without an answer
        assert ask(np.array([6]), np.array([30])).tolist() == [
            0
        ]  # the others are asked all the same


def test_when_the_service_fails_nobody_is_asked_any_more(folder, rows):
    who = Scripted(lambda row: ServiceError("gone") if row == 2 else CLASSES[row % 3])
    with TrainingQuestions(folder, rows, who, ALL) as ask:
        assert ask(np.array([0, 1, 2, 3]), np.array([30])).tolist() == [0, 1, NOT_ASKED, NOT_ASKED]
        assert ask(np.array([4]), np.array([30])).tolist() == [NOT_ASKED]
        assert ask.failure.message == "gone"
        assert ask.report().asked == 2
    assert len(who.questions) == 3


def test_one_budget_for_the_whole_training(folder, rows):
    who = Scripted()
    options = AskOptions(pool="all", max_cost_usd=0.00046, price_in=1, price_out=1)
    with TrainingQuestions(folder, rows, who, options) as ask:
        first = ask(np.array([0, 1]), np.array([30]))
        second = ask(np.arange(2, 20), np.array([30]))
        assert isinstance(ask.failure, BudgetError)
        assert ask.report().cost_usd == pytest.approx(0.0001 * ask.report().asked)
    assert (first != NOT_ASKED).all()
    assert (second != NOT_ASKED).sum() == ask.report().asked - 2 <= 2


def test_a_column_needs_no_store_and_may_have_empty_cells(folder, rows):
    cells = {key: CLASSES[(int(key) - 1) % 3] for key in rows.ids} | {"3": "", "4": "boat"}
    column = ColumnAnnotator("second", cells, CLASSES)
    with TrainingQuestions(folder, rows, column, ALL) as ask:
        assert ask(np.array([1, 2, 3]), np.array([], int)).tolist() == [1, NO_ANSWER, NO_ANSWER]
        assert ask.failure is None
        assert ask.report().other_answers == {"invalid": 1, "no answer": 1}
    assert not list(folder.path.iterdir())


def test_the_store_is_held_and_let_go(folder, rows):
    with (
        TrainingQuestions(folder, rows, Scripted(), ALL),
        pytest.raises(ServiceError, match="another noisefix process"),
    ):
        TrainingQuestions(folder, rows, Scripted(), ALL)
    TrainingQuestions(folder, rows, Scripted(), ALL).__exit__()


def test_a_limit_on_the_cost_needs_prices(folder, rows):
    with pytest.raises(UsageError, match="prices"):
        TrainingQuestions(folder, rows, Scripted(), AskOptions(max_cost_usd=1.0))


@pytest.mark.parametrize(
    "wrong", [{"max_rows": -1}, {"share": 1.5}, {"pool": "some"}, {"votes": 0}, {"price_in": 1.0}]
)
def test_options_out_of_range(wrong):
    with pytest.raises(UsageError):
        AskOptions(**wrong)


def test_progress_counts_rows(folder, rows):
    steps = []
    with TrainingQuestions(folder, rows, Scripted(), ALL, steps.append) as ask:
        ask(np.arange(5), np.array([30]))
    assert (steps[-1].stage, steps[-1].done, steps[-1].total) == ("ask", 5, 5)


def test_what_was_offered_is_known(folder, rows):
    with TrainingQuestions(folder, rows, Scripted(), AskOptions()) as asked:
        offered = asked.offered(np.array([2]))
        assert offered[2].sum() == len(rows.label_pool(2)) < len(CLASSES)
        assert offered[0].all()
    with TrainingQuestions(folder, rows, Scripted(), AskOptions(pool="all")) as asked:
        assert asked.offered(np.array([2])) is None
