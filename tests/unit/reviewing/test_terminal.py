"""A scripted person at a scripted desk: what each key does to the decisions."""

import pytest

from noisefix.annotators.desk_keys import END
from noisefix.reviewing.options import ReviewOptions
from noisefix.reviewing.terminal import RowCard, review_at
from noisefix.run.decisions import read_decisions


class ScriptedDesk:
    def __init__(self, *keys):
        self.keys = [part for key in keys for part in (key if isinstance(key, tuple) else (key,))]
        self.cards: list[RowCard] = []

    def show(self, card, number, total):
        self.cards.append(card)

    def read_key(self):
        key = self.keys.pop(0) if self.keys else END
        if isinstance(key, str):
            return key
        raise key


@pytest.fixture
def run(tmp_path, write_page_run):
    return write_page_run(tmp_path, 200)


def decided(run, *keys):
    desk = ScriptedDesk(*keys)
    result = review_at(desk, run.path, ReviewOptions(name="ann"))
    lines = read_decisions(run.decisions)
    assert {line.who for line in lines} <= {"ann"}
    assert result.written == len(lines)
    return desk, lines


def test_keys_are_those_of_the_page(run):
    desk, lines = decided(run, "k", "s", "d", "u", "x", "q", "k")
    assert [line.decision for line in lines] == ["keep", "class", "drop", "unsure", "not"]
    first = desk.cards[0]
    assert first.reasons
    assert len(first.neighbors) == 3
    assert lines[1].label == desk.cards[1].suggested_label
    assert [line.id for line in lines] == [card.id for card in desk.cards[:5]]


def test_any_class_can_be_searched_and_chosen(tmp_path, write_page_run):
    names = [f"class_{k:02}" for k in range(30)]
    run = write_page_run(tmp_path, 300, class_names=names)
    desk, lines = decided(run, "/", tuple("_299"), "\x7f", "\n")
    assert lines[0].label == "class_29" or lines[0].decision == "keep"
    assert "class_29" not in desk.cards[0].classes or len(desk.cards[0].classes) == 9
    assert desk.cards[-2].found == ("class_29",)


def test_a_note_goes_with_the_decision_and_keys_within_it_decide_nothing(run):
    _, lines = decided(run, "n", tuple("skd"), "\n", "k", "n", "x", "\x1b", "k")
    assert [(line.decision, line.note) for line in lines] == [("keep", "skd"), ("keep", "")]


def test_a_search_can_be_left(run):
    _, lines = decided(run, "/", "z", "\x1b", "/", tuple("no such class"), "\n", "k")
    assert [line.decision for line in lines] == ["keep"]


def test_undo_goes_back_to_the_row(run):
    desk, lines = decided(run, "k", "k", "z", "d", "z", "z", "z", "q")
    assert [line.decision for line in lines] == ["keep", "keep", "undo", "drop", "undo", "undo"]
    ids = [card.id for card in desk.cards]
    assert ids[1] == ids[3]
    assert ids[0] == ids[-1]


@pytest.mark.parametrize("end", [END, "q", KeyboardInterrupt])
def test_what_was_decided_is_kept_however_it_ends(run, end):
    _, lines = decided(run, "k", end)
    assert len(lines) == 1


def test_decided_rows_are_not_asked_again(run):
    first, _ = decided(run, "k", "q")
    again = ScriptedDesk("q")
    review_at(again, run.path, ReviewOptions(name="ann"))
    assert again.cards[0].id == first.cards[1].id


def test_keys_without_a_meaning_do_nothing(run):
    desk, lines = decided(run, "y", "9", "v", "k")
    assert len(lines) == 1
    assert desk.cards[3].is_whole
