"""Labels that people rule out: which words stand, and what becomes of the verdicts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.errors import DataError
from noisefix.run.answers import read_verdicts
from noisefix.run.decisions import (
    CLASS,
    DROP,
    KEEP,
    NOT,
    UNDO,
    UNSURE,
    PersonDecision,
    append_decisions,
    decision_key,
    read_decisions,
)
from noisefix.run.rejected import run_rejected, without_rejected
from noisefix.run.standing import conflicts, decided_rows, rejected_rows, standing

KEY = decision_key("text", "a")


def word(decision, label=None, who="ann", when=1):
    return PersonDecision(KEY, "1", decision, label, who, f"2026-01-{when:02d}")


def ruled_out(*words):
    return rejected_rows(["text"], ["a"], words).get(0, frozenset())


def test_a_rejection_leaves_the_row_open():
    words = [word(NOT), word(NOT, "b", when=2)]
    assert ruled_out(*words) == {"a", "b"}
    assert decided_rows(["text"], ["a"], standing(words)) == {}
    assert rejected_rows(["text", "other"], ["b", "a"], words) == {}


def test_what_the_person_says_next_takes_its_place():
    for later in (word(KEEP, when=2), word(CLASS, "c", when=2), word(DROP, when=2)):
        assert ruled_out(word(NOT), later) == set()
        assert standing([word(NOT), later])[KEY] == later
    assert ruled_out(word(NOT), word(UNSURE, when=2)) == set()
    assert ruled_out(word(NOT), word(NOT, "b"), word(UNDO, when=2)) == set()


def test_of_two_people():
    chosen = word(CLASS, "c", "bob")
    assert standing([chosen, word(NOT, when=2)])[KEY] == chosen  # does not contradict it
    assert ruled_out(chosen, word(NOT, when=2)) == set()
    against = word(NOT, "c", when=2)
    assert standing([chosen, against])[KEY] == against
    assert ruled_out(chosen, against) == {"c"}
    kept = word(KEEP, None, "bob")
    assert standing([kept, word(NOT, when=2)])[KEY].decision == NOT
    assert standing([word(NOT), word(KEEP, None, "bob", 2)])[KEY].decision == KEEP


def test_conflicts_are_contradictions():
    assert conflicts([word(NOT), word(NOT, "b", "bob")]) == ()
    assert conflicts([word(NOT), word(CLASS, "c", "bob")]) == ()
    assert len(conflicts([word(NOT), word(KEEP, None, "bob")])) == 1
    assert len(conflicts([word(NOT, "c"), word(CLASS, "c", "bob")])) == 1


@given(st.text(min_size=1), st.booleans())
def test_a_rejection_is_written_and_read(tmp_path_factory, label, named):
    path = tmp_path_factory.mktemp("d") / "decisions.jsonl"
    said = word(NOT, label if named else None)
    append_decisions(path, [said])
    assert read_decisions(path) == (said,)


def test_only_words_that_name_a_class_have_one(tmp_path):
    path = tmp_path / "decisions.jsonl"
    path.write_text(f'{{"key": "{KEY}", "id": "1", "decision": "not", "label": 3}}\n')
    with pytest.raises(DataError, match="'class' or 'not'"):
        read_decisions(path)


@pytest.fixture
def run(make_run, verdict):
    rows = [
        verdict("a", "a", 0.8),
        verdict("a", "b", 0.6, is_issue=True),
        verdict("b", "b", 0.9),
        verdict("c", "c", 0.9),
    ]
    return make_run("text,label\nt0,a\nt1,a\nt2,b\nt3,c\n", rows)


def say(run, row, given, label=None):
    key = decision_key(f"t{row}", given)
    append_decisions(run.decisions, [PersonDecision(key, str(row + 1), NOT, label, "ann")])


def test_verdicts_without_the_labels_ruled_out(run):
    say(run, 0, "a")
    say(run, 1, "a", "b")
    issues, provenance = read_verdicts(run)
    first, second, *others = issues.to_pylist()
    assert (first["p_error"], first["is_issue"], first["is_trusted"]) == (1, True, False)
    assert first["true_label_probs"] == pytest.approx([0, 0.5, 0.5])
    assert first["suggested_label"] in ("b", "c")
    assert first["reasons"][0] == "a person says: not a"
    assert second["true_label_probs"] == pytest.approx([0.5, 0, 0.5])
    assert second["p_error"] == pytest.approx(0.5)
    assert second["suggested_label"] != "b"
    before, _ = read_verdicts(run, more=())
    assert before.equals(issues)
    assert [row["p_error"] for row in others] == pytest.approx([0.1, 0.1])
    again = without_rejected(issues, run_rejected(run), provenance.class_names)
    assert again.equals(issues)
    few, _ = read_verdicts(run, ("id", "p_error"))
    assert few.column_names == ["id", "p_error"]
    assert few["p_error"].to_pylist() == issues["p_error"].to_pylist()


def test_an_answer_that_was_ruled_out_goes_to_a_person(run, verdict):
    issues, provenance = read_verdicts(run)
    issues = issues.append_column("action", [["keep", "relabel", None, None]])
    out = {"1": frozenset("a"), "2": frozenset("b")}
    after = without_rejected(issues, out, provenance.class_names)
    assert after["action"].to_pylist() == ["review", "review", None, None]
    assert without_rejected(issues, {}, provenance.class_names) is issues


def test_a_class_that_the_run_does_not_have_rules_nothing_out(run):
    say(run, 2, "b", "quite new")
    issues, _ = read_verdicts(run)
    assert issues["p_error"][2].as_py() == pytest.approx(0.1)


def test_all_classes_ruled_out_leave_what_was_known(run):
    for label in (None, "b", "c"):
        say(run, 0, "a", label)
    issues, _ = read_verdicts(run)
    assert issues["true_label_probs"][0].as_py() == pytest.approx([0.8, 0.1, 0.1])
    assert issues["is_issue"][0].as_py()
