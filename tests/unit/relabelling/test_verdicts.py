from dataclasses import replace

import numpy as np
import pytest

from noisefix.annotators.protocol import AMBIGUOUS, INVALID, NONE, REFUSED, Answer
from noisefix.annotators.weighing import NO_ANSWER, NONE_FITS
from noisefix.relabelling.verdicts import answer_arrays, weigh_and_write

NO_PROBE = np.array([], dtype=np.int64)


def label(rows, row, k, **more):
    return Answer(rows.ids[row], rows.class_names[k], is_label=True, annotator="test", **more)


def right_answers(rows, asked):
    return [label(rows, int(row), int(rows.results["truth"][row])) for row in asked]


def test_answers_become_class_ids_and_codes(rows):
    given = [
        label(rows, 0, 2, confidence=0.7),
        Answer("r1", NONE),
        Answer("r2", AMBIGUOUS),
        Answer("r3", REFUSED),
        Answer("r4", None, error="x"),
        Answer("r5", "no such class", is_label=True),
    ]
    labels, confidence = answer_arrays(rows, {a.id: a for a in given})
    expected = [2, NONE_FITS, NO_ANSWER, NO_ANSWER, NO_ANSWER, NO_ANSWER, NO_ANSWER]
    assert labels[:7].tolist() == expected
    assert confidence[0] == 0.7
    assert np.isnan(confidence[1:]).all()


def test_right_answers_repair_and_are_counted(rows, folder):
    asked = np.argsort(-rows.p_error, kind="stable")[:120]
    report = weigh_and_write(folder, rows, right_answers(rows, asked), NO_PROBE, offers_all=True)
    table = folder.rows()
    assert len(table) == report.asked == report.answered == 120
    truth = rows.results["truth"]
    before = np.mean(truth[asked] == rows.given_labels[asked])
    after = np.mean(
        [table[rows.ids[r]]["final_label"] == rows.class_names[truth[r]] for r in asked.tolist()]
    )
    assert report.alarm == ""
    assert after > before + 0.1
    assert report.relabelled + report.kept + report.review == 120
    actions = [row["action"] for row in table.values()]
    assert actions.count("relabel") == report.relabelled > 0
    for row in table.values():
        changed = row["final_label"] != row["given_label"]
        assert changed == (row["action"] == "relabel")
        assert row["reasons"][0] == f"test says {row['answer']}"
    assert report.noise_rate_after < report.noise_rate_before


def test_copies_go_to_near_duplicates_with_the_same_label_only(rows, folder):
    rows.groups[[0, 1, 2]] = 10_000
    rows.given_labels[[0, 1]] = 0
    rows.given_labels[2] = 1
    answers = right_answers(rows, range(20, 100))
    answers.append(replace(label(rows, 0, 3), input_tokens=9, output_tokens=1, cost_usd=0.5))
    report = weigh_and_write(folder, rows, answers, NO_PROBE)
    table = folder.rows()
    assert (report.asked, report.copied) == (81, 1)
    assert "r2" not in table
    assert table["r1"]["answer"] == table["r0"]["answer"] == rows.class_names[3]
    assert (table["r1"]["input_tokens"], table["r1"]["cost_usd"]) == (0, 0.0)
    assert "(nearly) the same text" in table["r1"]["reasons"][0]
    assert report.cost_usd == 0.5


def test_a_failed_twin_does_not_hide_the_answer(rows, folder):
    rows.groups[[0, 1, 2]] = 10_000
    rows.given_labels[[0, 1, 2]] = 0
    answers = [Answer("r0", None, error="gone"), label(rows, 1, 3)]
    weigh_and_write(folder, rows, answers, NO_PROBE)
    table = folder.rows()
    assert table["r0"]["answer"] == table["r2"]["answer"] == rows.class_names[3]


def test_trusted_rows_never_change(rows, folder):
    wrong = np.flatnonzero(rows.results["truth"] != rows.given_labels)
    rows.is_trusted[wrong[:10]] = True
    rows.p_error[wrong[:10]] = 0.0
    rows.true_label_probs[wrong[:10]] = np.eye(4)[rows.given_labels[wrong[:10]]]
    weigh_and_write(folder, rows, right_answers(rows, range(300)), NO_PROBE)
    table = folder.rows()
    for row in wrong[:10].tolist():
        assert table[rows.ids[row]]["final_label"] == rows.class_names[rows.given_labels[row]]
        assert table[rows.ids[row]]["action"] == "keep"


@pytest.mark.parametrize("kind", ["one class", "chance"])
def test_an_alarm_changes_nothing(rows, folder, kind):
    said = np.random.default_rng(0).integers(0, 4, 300) if kind == "chance" else np.zeros(300, int)
    answers = [label(rows, row, int(said[row])) for row in range(200)]
    report = weigh_and_write(folder, rows, answers, NO_PROBE)
    assert report.alarm
    assert report.relabelled == 0
    for row in folder.rows().values():
        assert row["final_label"] == row["given_label"]
        assert row["action"] != "relabel"
        assert row["reasons"][-1] == f"not heeded: {report.alarm}"
        assert (row["action"] == "review") == bool(rows.is_issue[int(row["id"][1:])])
    assert (report.accuracy, report.probe_noise_rate) == (None, None)


def test_what_is_no_label_never_becomes_one(rows, folder):
    kinds = (NONE, AMBIGUOUS, REFUSED, INVALID, None)
    odd = [Answer(f"r{i}", kind) for i, kind in enumerate(kinds)]
    report = weigh_and_write(folder, rows, odd + right_answers(rows, range(20, 90)), NO_PROBE)
    assert report.other_answers == {
        "ambiguous": 1,
        "invalid": 1,
        "no answer": 1,
        "none": 1,
        "refused": 1,
    }
    table = folder.rows()
    assert "r4" not in table  # no answer: not asked
    for i in range(1, 4):
        assert table[f"r{i}"]["final_label"] == table[f"r{i}"]["given_label"]
        assert table[f"r{i}"]["action"] == ("review" if rows.is_issue[i] else "keep")


def test_the_probe_estimates_the_noise_rate(rows, folder):
    quiet = np.flatnonzero(~rows.is_issue)
    probe = np.sort(np.random.default_rng(1).permutation(quiet)[:40])
    asked = np.union1d(probe, np.flatnonzero(rows.is_issue))
    report = weigh_and_write(folder, rows, right_answers(rows, asked), probe, offers_all=True)
    rate = report.probe_noise_rate
    true_rate = np.mean(rows.results["truth"] != rows.given_labels)
    assert rate is not None
    assert rate.low <= true_rate <= rate.high
    assert rate.n_probed == 40
    agrees = np.mean(rows.results["truth"][probe] == rows.given_labels[probe])
    assert report.probe_agreement == pytest.approx(agrees)
    assert {k for k, v in folder.rows().items() if v["is_probe"]} == {f"r{r}" for r in probe}


def test_nothing_is_estimated_from_a_few_answers(rows, folder):
    probe = np.flatnonzero(~rows.is_issue)[:6]
    asked = np.union1d(probe, np.flatnonzero(rows.is_issue)[:6])
    report = weigh_and_write(folder, rows, right_answers(rows, asked), probe, offers_all=True)
    assert report.answered == 12
    assert (report.accuracy, report.probe_noise_rate, report.agreement) == (None, None, ())


def test_the_accuracy_comes_with_an_interval(rows, folder):
    report = weigh_and_write(
        folder, rows, right_answers(rows, range(200)), NO_PROBE, offers_all=True
    )
    assert report.accuracy.low < report.accuracy.value < report.accuracy.high <= 1.0
    assert report.accuracy.n_probed == 200


def test_a_persons_labels_are_final(rows, folder):
    said = [replace(label(rows, row, (row * 7) % 4), annotator="human") for row in range(40)]
    report = weigh_and_write(folder, rows, said, NO_PROBE)
    table = folder.rows()
    for row in range(40):
        line = table[f"r{row}"]
        assert line["final_label"] == line["answer"] == rows.class_names[(row * 7) % 4]
        assert line["action"] in ("keep", "relabel")
        assert line["reasons"][0] == f"a person says {line['answer']}"
    assert report.alarm == ""
    assert report.accuracy is None
