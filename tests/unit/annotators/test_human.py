"""A scripted person at a scripted desk: what each key does, and that no answer is lost."""

from pathlib import Path

import pytest

from noisefix.annotators.desk_keys import END
from noisefix.annotators.engine import ask
from noisefix.annotators.human import Card, HumanAnnotator, RowFacts, keys_for
from noisefix.annotators.protocol import Answer, Message, Question
from noisefix.annotators.store import AnswerStore

CLASSES = ("eggs", "ham", "spam")


def question(row_id: str, *pool: str) -> Question:
    return Question(row_id, pool or ("spam", "ham"), (Message("user", f"row {row_id}"),))


def questions(n: int) -> list[Question]:
    return [question(str(k)) for k in range(1, n + 1)]


class ScriptedDesk:
    """Types the keys of a script, one for each card shown; an exception in it is raised."""

    def __init__(self, *keys: str | type[BaseException]) -> None:
        self.keys = list(keys)
        self.cards: list[Card] = []

    def show(self, card: Card) -> None:
        self.cards.append(card)

    def read_key(self) -> str:
        key = self.keys.pop(0) if self.keys else END
        if isinstance(key, str):
            return key
        raise key

    @property
    def rows(self) -> list[str]:
        return [card.question.id for card in self.cards]


def facts(row_id: str) -> RowFacts:
    return RowFacts(f"text of {row_id}")


def review(desk: ScriptedDesk, asked: list[Question], undo_depth: int = 3) -> list[Answer]:
    return list(HumanAnnotator(desk, facts, CLASSES, "ann", undo_depth).annotate(asked))


def labels(answers: list[Answer]) -> dict[str, str | None]:
    return {answer.id: answer.answer for answer in answers}


def test_one_key_a_label() -> None:
    desk = ScriptedDesk("3", "2", "d", "u")
    answers = review(desk, questions(4))
    assert labels(answers) == {"1": "spam", "2": "ham", "3": "none", "4": "ambiguous"}
    assert [answer.is_label for answer in answers] == [True, True, False, False]
    assert {(a.annotator, a.model, a.error) for a in answers} == {("human", "ann", None)}
    assert [card.number for card in desk.cards] == [1, 2, 3, 4]
    assert desk.cards[0].facts.text == "text of 1"


def test_a_class_has_the_same_key_in_every_row() -> None:
    assert keys_for(question("1", "spam", "ham"), CLASSES) == {
        "2": "ham",
        "3": "spam",
        "d": "none",
        "u": "ambiguous",
    }
    assert list(keys_for(question("1", "spam", "eggs"), CLASSES).values())[:2] == ["eggs", "spam"]
    assert keys_for(question("1", "b", "a"))["1"] == "a"  # classes not known: by name


def test_of_many_classes_the_likely_ones_have_a_digit_and_all_can_be_searched() -> None:
    many = tuple(f"c{k:03}" for k in range(150))
    keys = keys_for(question("1", *many), many, {"c149": 0.5, "c070": 0.4})
    assert list(keys) == [*"123456789", "d", "u"]
    assert list(keys.values())[:9] == [*many[:7], "c070", "c149"]
    few = keys_for(question("1", "c099", "c007"), many)
    assert few == {"1": "c007", "2": "c099", "d": "none", "u": "ambiguous"}


def test_any_label_of_the_pool_is_found_by_a_part_of_its_name() -> None:
    pool = tuple(f"c{k:02}" for k in range(77))
    desk = ScriptedDesk("/", "C", "0", "x", "\x7f", "\x7f", "4", "1", "\n", "/", "9", "\x1b", "u")
    answers = review(desk, [question(str(k), *pool) for k in range(2)])
    assert list(labels(answers).values()) == ["c41", "ambiguous"]
    assert desk.cards[1].is_searching
    assert len(desk.cards[1].found) == 77
    assert [card.typed for card in desk.cards[:9]] == [
        "",
        "",
        "C",
        "C0",
        "C0x",
        "C0",
        "C",
        "C4",
        "C41",
    ]
    assert desk.cards[8].found == ("c41",)
    nothing = ScriptedDesk("/", "z", "\n", "3")  # no label has a z: Enter leaves
    assert labels(review(nothing, questions(1))) == {"1": "spam"}


def test_keep_and_suggested_are_there_where_they_are_shown() -> None:
    def shown(row_id: str) -> RowFacts:
        return RowFacts(row_id, (), {"spam": 0.7, "ham": 0.2, "eggs": 0.9}, given_label="ham")

    desk = ScriptedDesk("k", "s")
    answers = list(HumanAnnotator(desk, shown, CLASSES).annotate(questions(2)))
    assert labels(answers) == {"1": "ham", "2": "spam"}  # eggs is not in the pool
    assert desk.cards[0].commands[:2] == ("k", "s")
    blind = ScriptedDesk("k", "s", "3")
    assert labels(review(blind, questions(1))) == {"1": "spam"}
    assert not {"k", "s", "z"} & set(blind.cards[0].commands)


def test_a_class_called_none() -> None:
    desk = ScriptedDesk("2", "d")
    asked = [question(str(k), "favor", "none") for k in (1, 2)]
    answers = list(HumanAnnotator(desk, facts).annotate(asked))
    assert [(a.answer, a.is_label) for a in answers] == [("none", True), ("none", False)]


def test_keys_that_mean_nothing_are_ignored() -> None:
    desk = ScriptedDesk("1", "x", "\x1b", "\n", "z", "3")  # eggs is not in the pool of this row
    assert labels(review(desk, questions(1))) == {"1": "spam"}
    assert desk.rows == ["1"] * 6


def test_whole_text_is_a_switch() -> None:
    desk = ScriptedDesk("v", "v", "3")
    review(desk, questions(1))
    assert [card.is_whole for card in desk.cards] == [False, True, False]


def test_back_changes_an_answer_and_enter_keeps_one() -> None:
    desk = ScriptedDesk("3", "3", "z", "z", "2", "\n", "3")
    answers = review(desk, questions(3))
    assert labels(answers) == {"1": "ham", "2": "spam", "3": "spam"}
    assert desk.rows == ["1", "2", "3", "2", "1", "2", "3"]
    assert [card.earlier for card in desk.cards] == [None, None, None, "spam", "spam", "spam", None]
    assert [card.number for card in desk.cards] == [1, 2, 3, 2, 1, 2, 3]
    assert [card.can_go_back for card in desk.cards] == [False, True, True, True, False, True, True]


def test_back_goes_no_further_than_it_may() -> None:
    desk = ScriptedDesk("3", "3", "3", "z", "z", "z", "2", "\n", "q")
    answers = review(desk, questions(9), undo_depth=2)
    assert desk.rows == ["1", "2", "3", "4", "3", "2", "2", "3", "4"]
    assert labels(answers) == {"1": "spam", "2": "ham", "3": "spam"}
    assert [card.number for card in desk.cards][-1] == 4


def test_answers_are_handed_over_once_they_cannot_be_taken_back() -> None:
    desk = ScriptedDesk("3", "3", "3", "3")
    answers = HumanAnnotator(desk, facts, CLASSES, undo_depth=2).annotate(questions(4))
    assert next(answers).id == "1"
    assert len(desk.cards) == 3
    answers = HumanAnnotator(ScriptedDesk("3"), facts, CLASSES, undo_depth=0).annotate(questions(2))
    assert next(answers).id == "1"


def test_later_gives_no_answer_and_takes_one_away() -> None:
    desk = ScriptedDesk(".", "3", "z", ".", "3")
    assert labels(review(desk, questions(3))) == {"3": "spam"}


@pytest.mark.parametrize("ending", ["q", END])
def test_quit_hands_over_what_there_is(ending: str) -> None:
    desk = ScriptedDesk("3", "3", "z", "z", ending)
    assert labels(review(desk, questions(9))) == {"1": "spam", "2": "spam"}


def test_interrupting_hands_over_what_there_is_and_interrupts() -> None:
    desk = ScriptedDesk("3", "2", KeyboardInterrupt)
    answers = HumanAnnotator(desk, facts, CLASSES).annotate(questions(9))
    assert [next(answers).answer for _ in range(2)] == ["spam", "ham"]
    with pytest.raises(KeyboardInterrupt):
        next(answers)


def test_latency_is_the_time_at_the_row() -> None:
    ticks = iter([10.0, 12.5])
    annotator = HumanAnnotator(ScriptedDesk("3"), facts, CLASSES, clock=lambda: next(ticks))
    (answer,) = annotator.annotate(questions(1))
    assert answer.latency_s == 2.5


def test_a_later_run_goes_on_where_the_person_stopped(tmp_path: Path) -> None:
    def sit(desk: ScriptedDesk) -> dict[str, str | None]:
        annotator = HumanAnnotator(desk, facts, CLASSES, "ann")
        with AnswerStore(tmp_path / "annotations.sqlite") as store:
            return labels(list(ask(annotator, questions(5), store=store)))

    first = ScriptedDesk("3", ".", "2", "q")
    assert sit(first) == {"1": "spam", "3": "ham"}
    assert first.rows == ["1", "2", "3", "4"]
    second = ScriptedDesk("2", "2", "2")
    assert sit(second) == {"1": "spam", "2": "ham", "3": "ham", "4": "ham", "5": "ham"}
    assert second.rows == ["2", "4", "5"]
    third = ScriptedDesk()
    assert len(sit(third)) == 5
    assert third.rows == []
