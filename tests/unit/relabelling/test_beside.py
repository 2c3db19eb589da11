"""Answers in a run that has heard annotators' columns."""

from dataclasses import replace

import numpy as np
import pytest

from noisefix.annotators.protocol import REFUSED, Answer
from noisefix.probing.voters import Voter
from noisefix.relabelling.beside import Beside, settle_together
from noisefix.relabelling.verdicts import weigh_and_write

NO_PROBE = np.array([], dtype=np.int64)


@pytest.fixture
def truth(rows):
    return rows.results["truth"]


def said(truth: np.ndarray, accuracy: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(truth)) >= accuracy
    return np.where(wrong, (truth + rng.integers(1, 4, len(truth))) % 4, truth)


def beside(rows, *columns: np.ndarray, vouched=()) -> Beside:
    everyone = np.arange(len(rows))
    voters = tuple(Voter(f"c{k}", everyone, labels) for k, labels in enumerate(columns))
    is_vouched = np.zeros(len(rows), dtype=bool)
    is_vouched[list(vouched)] = True
    return Beside(voters, rows.true_label_probs, is_vouched, given_by_vote=False)


def answers(rows, labels: np.ndarray, asked) -> list[Answer]:
    return [
        Answer(rows.ids[row], rows.class_names[labels[row]], is_label=True, annotator="llm")
        for row in asked
    ]


def weighed(folder, rows, given, other=None):
    report = weigh_and_write(folder, rows, given, NO_PROBE, offers_all=True, beside=other)
    return report, folder.rows()


def changed(table):
    return {key for key, row in table.items() if row["action"] == "relabel"}


def test_columns_that_contradict_an_answer_stop_it(rows, folder, truth):
    asked = np.argsort(-rows.p_error, kind="stable")[:120]
    wrong = said(truth, 0.6, 1)
    _, alone = weighed(folder, rows, answers(rows, wrong, asked))
    good = beside(rows, said(truth, 0.9, 2), said(truth, 0.9, 3))
    report, together = weighed(folder, rows, answers(rows, wrong, asked), good)
    assert report.beside == 2
    right = {rows.ids[row]: rows.class_names[truth[row]] for row in range(len(rows))}
    harm = {key for key in changed(alone) if alone[key]["final_label"] != right[key]}
    left = {key for key in changed(together) if together[key]["final_label"] != right[key]}
    assert len(harm) > 3
    assert len(left) < len(harm) / 2
    stopped = changed(alone) - changed(together)
    assert {together[key]["action"] for key in stopped} == {"review"}
    assert all(together[key]["final_label"] == together[key]["given_label"] for key in stopped)
    assert all("together with the annotators'" in together[key]["reasons"][-1] for key in stopped)


def test_columns_that_nobody_listens_to_change_nothing(rows, folder, truth):
    asked = np.argsort(-rows.p_error, kind="stable")[:120]
    given = answers(rows, said(truth, 0.85, 1), asked)
    _, alone = weighed(folder, rows, given)
    coin = np.random.default_rng(0).integers(0, 4, len(rows))
    report, together = weighed(folder, rows, given, beside(rows, coin))
    assert report.beside == 0
    assert together == alone


def vouched_rows(rows, n: int = 3) -> list[int]:
    """Return flagged rows whose likeliest label is another than the given one."""
    likely = rows.true_label_probs.argmax(axis=1)
    return np.flatnonzero(rows.is_issue & (likely != rows.given_labels))[:n].tolist()


def test_an_answer_that_says_nothing_takes_no_change_back(rows, folder, truth):
    refused, kept, ruled = vouched_rows(rows)
    columns = beside(rows, said(truth, 0.9, 2), said(truth, 0.9, 3), vouched=(refused, kept, ruled))
    some = np.flatnonzero(~rows.is_issue)[:60].tolist()
    given = answers(rows, truth, some)
    given.append(Answer(rows.ids[refused], REFUSED, annotator="llm"))
    given += answers(rows, rows.given_labels, [kept])
    other = rows.class_names[rows.given_labels[ruled] - 1]
    given.append(Answer(rows.ids[ruled], f"not {other}", annotator="llm", rejected=(other,)))
    report, table = weighed(folder, rows, given, columns)
    assert report.alarm == ""
    row = table[rows.ids[refused]]
    likely = rows.class_names[rows.true_label_probs[refused].argmax()]
    assert (row["action"], row["final_label"], row["annotator"]) == ("relabel", likely, None)
    assert "vouch for another label" in row["reasons"][-1]
    for key in (rows.ids[kept], rows.ids[ruled]):  # these answers do say something
        assert not any("vouch" in reason for reason in table[key]["reasons"])
    assert table[rows.ids[kept]]["annotator"] == "llm"


def test_an_annotator_that_is_not_heeded_takes_no_change_back(rows, folder, truth):
    vouched = vouched_rows(rows)
    columns = beside(rows, said(truth, 0.9, 2), said(truth, 0.9, 3), vouched=vouched)
    asked = np.argsort(-rows.p_error, kind="stable")[:120]
    same = np.zeros(len(rows), dtype=np.int64)
    report, table = weighed(folder, rows, answers(rows, same, asked), columns)
    assert "one class" in report.alarm
    asked_ids = {rows.ids[row] for row in asked}
    expected = {rows.ids[row] for row in vouched} & asked_ids
    assert expected
    assert changed(table) == expected


def test_what_a_person_has_verified_is_not_changed(rows, truth, folder):
    wrong = said(truth, 0.9, 1)
    asked = np.argsort(-rows.p_error, kind="stable")[:120]
    rows.is_trusted[asked] = True
    columns = beside(rows, said(truth, 0.9, 2), said(truth, 0.9, 3), vouched=asked)
    _, table = weighed(folder, rows, answers(rows, wrong, asked), columns)
    assert changed(table) == set()


def test_the_order_of_rows_plays_no_part(rows, truth):
    from noisefix.annotators.weighing import weigh

    labels = np.where(np.arange(len(rows)) < 150, said(truth, 0.8, 1), -1)
    columns = (said(truth, 0.85, 2), said(truth, 0.8, 3))

    def settled(order):
        part = replace(
            rows,
            ids=[rows.ids[k] for k in order],
            texts=[rows.texts[k] for k in order],
            **{
                name: getattr(rows, name)[order]
                for name in (
                    *("given_labels", "p_error", "is_issue", "is_trusted", "pred_probs"),
                    *("true_label_probs", "groups", "embeddings"),
                )
            },
        )
        mine = labels[order]
        verdicts = weigh(mine, part.given_labels, part.true_label_probs, part.p_error)
        other = beside(part, *(column[order] for column in columns))
        asked = mine >= 0
        return settle_together(part, other, mine, verdicts, learned=asked, decides=asked).verdicts

    order = np.random.default_rng(0).permutation(len(rows))
    one, two = settled(np.arange(len(rows))), settled(order)
    assert (one.actions == "relabel").sum() > 10
    assert (one.final_labels[order] == two.final_labels).mean() > 0.99
