"""What stands of all that people have said."""

from __future__ import annotations

from dataclasses import replace

from noisefix.run.decisions import (
    CLASS,
    DROP,
    KEEP,
    UNDO,
    UNSURE,
    PersonDecision,
    append_decisions,
    decision_key,
    read_decisions,
)
from noisefix.run.standing import conflicts, decided_rows, standing, verified_table, words_of_people

KEY = decision_key("where is it", "refund")


def word(decision: str = KEEP, label: str | None = None, **more: str) -> PersonDecision:
    said = {"key": KEY, "id": "T1", "who": "ann", "when": "2026-01-01T00:00:00.000+00:00", **more}
    return PersonDecision(decision=decision, label=label, **said)


def test_the_newest_word_stands_and_can_be_taken_back():
    early, late = word(), word(CLASS, "delivery", when="2026-01-02", who="bea")
    assert standing([late, early])[KEY] == late
    assert standing([early, late, replace(late, decision=UNDO, label=None)])[KEY] == early
    assert standing([early, replace(early, decision=UNDO)]) == {}


def test_conflicts_are_people_who_differ_and_are_sure():
    early, late = word(), word(CLASS, "delivery", when="2026-01-02", who="bea")
    (found,) = conflicts([late, early])
    assert [said.who for said in found.words] == ["ann", "bea"]
    assert conflicts([early, replace(late, who="ann")]) == ()  # one person's second thought
    assert conflicts([early, word(UNSURE, who="bea")]) == ()


def test_a_decision_holds_for_equal_rows_whatever_their_id():
    texts, labels = (
        ["where is it", "where is it", "where is it", None],
        ["refund", "x", "refund", None],
    )
    said = standing([word(CLASS, "delivery")])
    assert list(decided_rows(texts, labels, said)) == [0, 2]
    assert decided_rows(texts, labels, standing([word(UNSURE)])) == {}
    nothing = PersonDecision(decision_key(None, None), "d", KEEP)
    assert decided_rows(texts, labels, standing([nothing])) == {}  # keep what?


def test_decided_rows_become_verified_rows():
    decided = {0: word(), 1: word(CLASS, "new"), 2: word(DROP)}
    table = verified_table(["a", "b", "c"], ["refund", "x", "y"], decided)
    assert table.to_pydict() == {
        "id": ["a", "b", "c"],
        "verified_label": ["refund", "new", None],
        "is_dropped": [False, False, True],
    }


def short(decision: PersonDecision) -> PersonDecision:
    """Return a decision as a page of very many rows writes it."""
    return replace(decision, key=decision.key[:16])


def test_a_short_key_is_the_same_row_as_a_whole_one():
    said = [
        word(KEEP, who="ann", when="1"),
        short(word(CLASS, "b", who="bob", when="2")),
        short(word(UNSURE, who="ann", when="3")),
    ]
    assert words_of_people(said) == {said[0].key: [said[2], said[1]]}
    assert conflicts([short(said[0]), said[1]])[0].key == said[1].key
    whole = word(KEEP, who="bob", when="9")
    assert standing([*said, whole]) == {whole.key: whole}


def test_a_row_is_found_by_its_short_key(tmp_path):
    said = standing([short(word(CLASS, "b"))])
    found = decided_rows(["where is it", "other"], ["refund", "refund"], said)
    assert {row: decision.label for row, decision in found.items()} == {0: "b"}
    path = tmp_path / "decisions.jsonl"
    append_decisions(path, said.values())
    assert standing(read_decisions(path)) == said
