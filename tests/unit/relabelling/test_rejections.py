"""What follows from answers of the kind "not X"."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from noisefix.annotators.protocol import Answer
from noisefix.annotators.weighing import NO_ANSWER
from noisefix.relabelling.rejections import CHANGES_AT, answer_of_two
from noisefix.relabelling.verdicts import answer_arrays, weigh_and_write

NO_PROBE = np.array([], dtype=np.int64)


def rejects(rows, row, *classes):
    names = tuple(rows.class_names[k] for k in classes)
    said = ", ".join(f"not {name}" for name in names)
    return Answer(rows.ids[row], said, annotator="test", rejected=names)


def label(rows, row, k):
    return Answer(rows.ids[row], rows.class_names[k], is_label=True, annotator="test")


def surest(rows):
    """Return the row whose given label seems right most of all."""
    return int(np.nanargmin(rows.p_error))


def test_a_rejected_label_is_changed_or_looked_at(rows, folder):
    asked = [int(row) for row in np.argsort(-rows.p_error, kind="stable")[:150]]
    for row in asked[:20]:  # which other label is right is clear in these
        given = int(rows.given_labels[row])
        rows.true_label_probs[row] = 0.02
        rows.true_label_probs[row, given], rows.true_label_probs[row, (given + 1) % 4] = 0.3, 0.66
        rows.p_error[row] = 0.7
    labels = [label(rows, row, int(rows.results["truth"][row])) for row in asked[40:]]
    said = [rejects(rows, row, int(rows.given_labels[row])) for row in asked[:40]]
    plain = weigh_and_write(folder, rows, labels, NO_PROBE)
    before = folder.rows()
    report = weigh_and_write(folder, rows, [*labels, *said], NO_PROBE)
    after = folder.rows()
    assert report.other_answers == {"not this one": 40}
    assert report.asked == plain.asked + 40
    for row in asked[:40]:
        line = after[rows.ids[row]]
        given = rows.class_names[rows.given_labels[row]]
        assert line["answer"] == f"not {given}"
        assert line["action"] in ("relabel", "review")
        assert (line["final_label"] != given) == (line["action"] == "relabel")
        assert line["reasons"][0] == f"test says not {given}"
        if line["action"] == "relabel":
            assert line["p_error"] >= CHANGES_AT
    assert {"relabel", "review"} == {after[rows.ids[row]]["action"] for row in asked[:40]}
    untouched = [key for key in before if before[key]["is_probe"] is False]
    assert all(before[key]["action"] == after[key]["action"] for key in untouched)


def test_one_answer_multiplies_the_odds_by_24(rows, folder):
    row = surest(rows)
    silent = Answer(rows.ids[row], "ambiguous", annotator="test")
    weigh_and_write(folder, rows, [silent], NO_PROBE)
    before = folder.rows()[rows.ids[row]]["p_error"]
    given = int(rows.given_labels[row])
    weigh_and_write(folder, rows, [rejects(rows, row, given)], NO_PROBE)
    after = folder.rows()[rows.ids[row]]
    odds = before / (1 - before) * 0.96 / 0.04
    assert after["p_error"] == pytest.approx(odds / (1 + odds), rel=1e-3)
    weigh_and_write(folder, rows, [rejects(rows, row, given, given)], NO_PROBE)
    assert folder.rows()[rows.ids[row]]["p_error"] > after["p_error"]


def test_ruling_out_another_label_speaks_for_the_given_one(rows, folder):
    row = surest(rows)
    given = int(rows.given_labels[row])
    silent = Answer(rows.ids[row], "ambiguous", annotator="test")
    weigh_and_write(folder, rows, [silent], NO_PROBE)
    before = folder.rows()[rows.ids[row]]
    others = [k for k in range(len(rows.class_names)) if k != given]
    weigh_and_write(folder, rows, [rejects(rows, row, *others)], NO_PROBE)
    after = folder.rows()[rows.ids[row]]
    assert after["p_error"] < before["p_error"]
    assert after["action"] == "keep"


def test_trusted_rows_never_change(rows, folder):
    row = surest(rows)
    trusted = np.zeros(len(rows), dtype=bool)
    trusted[row] = True
    held = replace(rows, is_trusted=trusted)
    weigh_and_write(folder, held, [rejects(rows, row, int(rows.given_labels[row]))], NO_PROBE)
    line = folder.rows()[rows.ids[row]]
    assert (line["action"], line["p_error"]) == ("keep", pytest.approx(rows.p_error[row], abs=1e-6))


def test_of_two_classes_a_rejection_is_an_answer():
    said = Answer("1", "not a", rejected=("a",))
    assert answer_of_two(said, ("a", "b")) == "b"
    assert answer_of_two(said, ("a", "b", "c")) is None
    assert answer_of_two(replace(said, rejected=("a", "b")), ("a", "b")) is None
    assert answer_of_two(Answer("1", "a", is_label=True), ("a", "b")) is None


def test_of_more_classes_it_is_no_label(rows):
    labels, _ = answer_arrays(rows, {rows.ids[0]: rejects(rows, 0, 1)})
    assert labels[0] == NO_ANSWER
