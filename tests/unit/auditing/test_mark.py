"""Marking a sample: at a desk and in a file, blind in both, each word kept at once."""

from __future__ import annotations

import contextlib
import csv
import io

import pytest

from noisefix.annotators.desk_keys import DROP as NONE_KEY
from noisefix.annotators.desk_keys import QUIT
from noisefix.annotators.desk_keys import UNSURE as AMBIGUOUS_KEY
from noisefix.auditing.mark import (
    check_unfilled,
    csv_bytes,
    keep_marks,
    mark_at_desk,
    read_marks,
    write_csv,
)
from noisefix.auditing.plan import AuditRow, open_plan
from noisefix.errors import DataError, UsageError
from noisefix.run.decisions import CLASS, DROP, KEEP, UNSURE, read_decisions


class Desk:
    """Says words or presses keys, one a row, then goes home."""

    def __init__(self, *words):
        self.words, self.cards = list(words), []

    def show(self, card):
        self.cards.append(card)

    def read_key(self):
        if not self.words:
            return QUIT
        word = self.words.pop(0)
        keys = {answer: key for key, answer in self.cards[-1].keys.items()}
        return keys.get(word, word)


def test_every_kind_of_answer_becomes_a_decision(run):
    plan = open_plan(run, 12)
    desk = Desk("a", "b", NONE_KEY, AMBIGUOUS_KEY)
    asked = []

    def open_desk(total):
        asked.append(total)
        return contextlib.nullcontext(desk)

    assert mark_at_desk(run, plan, open_desk, "ann") == 4
    assert asked == [12]
    said = read_decisions(run.decisions)
    rows = {row.id: row for row in plan.rows}
    assert [word.id for word in said] == [row.id for row in plan.rows[:4]]
    assert {word.who for word in said} == {"ann"}
    for word, choice in zip(said[:2], "ab", strict=True):
        given = rows[word.id].given_label
        assert (word.decision, word.label) == ((KEEP, None) if given == choice else (CLASS, choice))
    assert [word.decision for word in said[2:]] == [DROP, UNSURE]
    assert [word.is_random for word in said] == [rows[word.id].is_random for word in said]
    assert all(card.facts.given_label is None for card in desk.cards)


def test_nobody_is_called_where_nothing_is_left(run):
    plan = open_plan(run, 37)
    desk = Desk(*["a"] * 37)
    assert mark_at_desk(run, plan, lambda n: contextlib.nullcontext(desk)) == 37

    def nobody(total):
        raise AssertionError(total)

    assert mark_at_desk(run, open_plan(run, 37), nobody) == 0


def test_cells_of_the_file_hold_no_formula_and_no_label():
    row = AuditRow("=1+1", '@SUM(A1)\n"x"', "secret label", "flagged", 0.1, "k", False, False)
    content = csv_bytes([row])
    assert content.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(content.decode("utf-8-sig")))) == [
        ["id", "text", "decision"],
        ["'=1+1", '\'@SUM(A1)\n"x"', ""],
    ]
    assert b"secret" not in content


def test_a_file_that_was_filled_in_comes_back_once(run, tmp_path):
    plan = open_plan(run, 6)
    path = tmp_path / "sample.csv"
    write_csv(path, plan.to_mark)
    check_unfilled(path)
    words = ["a", "drop", "unsure", "", "KEEP", "b"]
    lines = [f"{row.id},{word}" for row, word in zip(plan.rows, words, strict=True)]
    path.write_text("id,decision\n" + "\n".join(lines) + "\n")
    with pytest.raises(UsageError, match="may hold decisions"):
        check_unfilled(path)
    review = read_marks(run, path)
    assert not run.decisions.exists()
    assert keep_marks(run, plan, review, "bob") == 4  # "unsure" of a file is no word yet
    assert keep_marks(run, open_plan(run, 6), read_marks(run, path), "bob") == 0
    said = {word.id: word for word in read_decisions(run.decisions)}
    assert said[plan.rows[1].id].decision == DROP
    assert said[plan.rows[4].id].decision == KEEP
    assert {word.who for word in said.values()} == {"bob"}
    random = {row.id for row in plan.rows if row.is_random}
    assert {key for key, word in said.items() if word.is_random} == random & said.keys()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id,decision\nnobody,a\n", "no row of the run has the id"),
        ("id,decision\n1,nonsense\n", "neither a class nor keep"),
        ("id,text\n1,a\n", "decision"),
    ],
)
def test_a_file_that_says_no_decision_is_refused(run, tmp_path, content, said):
    path = tmp_path / "marks.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=said):
        read_marks(run, path)
