"""Annotators in the joint stage: issues, table, reasons, and what a person has decided."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from noisefix.cleaning.decide import ApplyParams, decide
from noisefix.detection.joint_stage import JointParams, run
from noisefix.detection.voting import moved
from noisefix.probability import Interval
from noisefix.run.checks import conform
from noisefix.run.schemas import ANNOTATIONS, ANNOTATORS, ISSUES

NAMES = ("billing", "delivery", "refund", "technical")


def said(true: np.ndarray, accuracy: float, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(true)) >= accuracy
    return [NAMES[k] for k in np.where(wrong, (true + rng.integers(1, 4, len(true))) % 4, true)]


def table_of(ids: list[str], columns: dict[str, list[str]]) -> pa.Table:
    rows = [
        (key, name, cell)
        for name, cells in columns.items()
        for key, cell in zip(ids, cells, strict=True)
        if cell
    ]
    return pa.table(dict(zip(("id", "annotator", "label"), zip(*rows, strict=True), strict=True)))


@pytest.fixture
def noisy_set(make_set):
    data = make_set([60, 60, 45, 45], spread=3.0)
    rng = np.random.default_rng(5)
    for row in rng.permutation(len(data.true))[:50].tolist():
        data = data.given_to([row], NAMES[(data.true[row] + 1 + row % 3) % 4])
    return data


@pytest.fixture
def columns(noisy_set):
    return {
        "gpt": said(noisy_set.true, 0.85, 1),
        "rules": said(noisy_set.true, 0.8, 2),
        "coin": said(noisy_set.true, 0.25, 3),
    }


def judge(data, columns, **more):
    tables = data.tables()
    ids = tables["embeddings"]["id"].to_pylist()
    if columns:
        tables["annotations"] = table_of(ids, columns)
    return run(tables | more, JointParams())


def rank_quality(issues: pa.Table, wrong: np.ndarray) -> float:
    found = wrong[np.argsort(issues["rank"].to_numpy(), kind="stable")]
    return float((np.cumsum(found) / np.arange(1, len(found) + 1))[found].mean())


def test_annotators_find_more_and_change_what_is_wrong(noisy_set, columns):
    alone, found = judge(noisy_set, {}), judge(noisy_set, columns)
    issues = conform(found.tables["issues"], ISSUES, "issues")
    assert rank_quality(issues, noisy_set.wrong) > rank_quality(
        alone.tables["issues"], noisy_set.wrong
    )
    decisions = decide(issues, found.class_names, ApplyParams("relabel"), has_witness=True)
    right = [d.new_label == NAMES[noisy_set.true[d.index]] for d in decisions]
    assert len(right) > 15
    assert np.mean(right) > 0.9
    assert found.results["can_relabel"]
    assert "2 annotators" in found.results["relabel_reason"]
    probs = np.array(issues["true_label_probs"].to_pylist())
    assert probs.sum(axis=1) == pytest.approx(np.ones(len(probs)), abs=1e-5)
    assert any("of 2 annotators" in reasons[0] for reasons in issues["reasons"].to_pylist())


def test_the_table_of_annotators(noisy_set, columns):
    found = judge(noisy_set, columns)
    table = conform(found.tables["annotators"], ANNOTATORS, "annotators").to_pylist()
    assert [row["column"] for row in table] == ["gpt", "rules", "coin"]
    assert [row["is_used"] for row in table] == [True, True, False]
    gpt, _, coin = table
    assert gpt["accuracy_low"] < gpt["accuracy"] < gpt["accuracy_high"]
    assert gpt["accuracy"] > 0.6 > 0.4 > coin["accuracy"]
    assert len(gpt["confusion"]) == 16
    assert sum(gpt["confusion"]) == pytest.approx(gpt["rows"])
    assert gpt["others"][:3] == ["rules", "coin", "[given label]"]
    assert "[view: probe]" in gpt["others"]
    assert len(gpt["kappas"]) == len(gpt["error_correlations"]) == len(gpt["others"])
    assert "beyond chance" in coin["why_not"]
    facts = found.results["annotators"]
    assert (facts["count"], facts["used"]) == (3, 2)
    assert 0 < facts["fleiss_kappa"] < 1
    kept = conform(found.tables["annotations"], ANNOTATIONS, "annotations")
    assert kept.num_rows == 3 * len(noisy_set.true)


def test_without_annotators_there_are_no_such_tables_and_issues_are_as_ever(noisy_set):
    found = judge(noisy_set, {})
    assert not {"annotators", "annotations"} & set(found.tables)
    assert "is_vouched" not in found.tables["issues"].column_names
    assert found.results["annotators"] is None


def test_useless_annotators_change_nothing(noisy_set, columns):
    alone = judge(noisy_set, {})
    found = judge(noisy_set, {"coin": columns["coin"], "copy": noisy_set.given})
    for name in ("true_label_probs", "p_error", "is_issue", "reasons"):
        assert found.tables["issues"][name] == alone.tables["issues"][name]
    assert not any(found.tables["issues"]["is_vouched"].to_pylist())


def test_order_of_columns_changes_nothing(noisy_set, columns):
    one = judge(noisy_set, columns)
    other = judge(noisy_set, dict(reversed(columns.items())))
    assert one.tables["issues"] == other.tables["issues"]


def test_a_decided_row_stays_decided(noisy_set, columns):
    ids = noisy_set.tables()["embeddings"]["id"].to_pylist()
    decided = pa.table({"id": ids[:5], "verified_label": [*noisy_set.given[:4], "brand new"]})
    found = judge(noisy_set, columns, trusted=decided)
    rows = found.tables["issues"].slice(0, 5).to_pylist()
    for row in rows[:4]:
        assert (row["p_error"], row["is_issue"], row["is_vouched"]) == (0.0, False, False)
        assert row["suggested_label"] == row["given_label"]
    assert rows[4]["suggested_label"] == "brand new"
    assert rows[4]["p_error"] == 1.0


def test_no_vote_brings_back_what_a_person_has_ruled_out(noisy_set, columns):
    ids = noisy_set.tables()["embeddings"]["id"].to_pylist()
    row = next(k for k, true in enumerate(noisy_set.true) if NAMES[true] != "refund")
    votes = {name: [*cells] for name, cells in columns.items()}
    for cells in votes.values():
        cells[row] = "refund"
    out = pa.table({"id": [ids[row]], "label": ["refund"]})
    free = judge(noisy_set, votes).tables["issues"].to_pylist()[row]
    held = judge(noisy_set, votes, rejected=out).tables["issues"].to_pylist()[row]
    place = NAMES.index("refund")
    assert free["true_label_probs"][place] > 0.01
    assert held["true_label_probs"][place] == 0
    assert held["suggested_label"] != "refund"
    assert sum(held["true_label_probs"]) == pytest.approx(1)


def test_a_class_that_only_annotators_give(make_set):
    data = make_set([60, 60, 50, 50], spread=0.8)
    for row in np.flatnonzero(data.true == 3).tolist():
        data = data.given_to([row], NAMES[row % 3])
    columns = {f"v{i}": said(data.true, 0.9, i) for i in range(4)}
    found = judge(data, columns)
    assert found.class_names == NAMES
    issues = found.tables["issues"].to_pylist()
    new = [row["suggested_label"] == "technical" for row in issues]
    assert np.mean(np.array(new)[data.true == 3]) > 0.5
    assert np.mean((data.true == 3)[new]) > 0.9
    classes = {row["label"]: row for row in found.tables["classes"].to_pylist()}
    assert classes["technical"]["rows"] == 0
    assert classes["technical"]["true_share"] > 0.05
    assert found.results["annotators"]["new_classes"] == ["technical"]


def test_an_interval_keeps_its_width_in_log_odds():
    found = moved(Interval(0.5, 0.25, 0.75), 0.1)
    assert found.low == pytest.approx(1 / 28)
    assert found.high == pytest.approx(1 / 4)
    assert moved(Interval(0.2, 0.1, 0.4), 0.2) == Interval(
        0.2, pytest.approx(0.1), pytest.approx(0.4)
    )
