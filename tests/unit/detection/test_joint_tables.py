"""The joint stage's tables: what must hold between their columns, and with each other."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from noisefix.detection.joint_stage import STAGE, JointParams, judge_labels, run
from noisefix.detection.joint_tables import build, results
from noisefix.run.checks import conform

NAMES = ("billing", "delivery", "refund", "technical")


@pytest.fixture
def data(make_set):
    """40 wrong labels of 280, most of them "refund" for "billing"; unlabelled rows; copies."""
    data = make_set([90, 70, 60, 60])
    data = data.given_to(np.flatnonzero(data.true == 0)[:25], "refund")
    for row in np.flatnonzero(data.true == 3)[:15]:
        data = data.given_to([row], NAMES[row % 3])
    return data.given_to(np.flatnonzero(data.true == 1)[:10], None)


@pytest.fixture
def output(data):
    return run(data.named_tables(), JointParams(labelled_by="model"))


def test_every_table_fits_its_schema(output):
    assert set(output.tables) == set(STAGE.writes) - set(STAGE.only_with)
    for name, table in output.tables.items():
        conform(table, STAGE.writes[name], name)
    assert output.class_names == NAMES
    json.dumps(output.results, allow_nan=False)


def test_issues_agree_with_themselves(output, data):
    issues = output.tables["issues"]
    table = issues.to_pandas()
    true_probs = np.stack(table["true_label_probs"])
    probs = np.stack(table["pred_probs"])
    labelled = table["given_label"].notna()
    assert labelled.sum() == 270
    given = table["given_label"][labelled].map(NAMES.index).to_numpy()
    rows = np.flatnonzero(labelled)
    assert table["suggested_label"].tolist() == [NAMES[k] for k in true_probs.argmax(axis=1)]
    assert table["predicted_label"].tolist() == [NAMES[k] for k in probs.argmax(axis=1)]
    np.testing.assert_allclose(table["p_error"][labelled], 1 - true_probs[rows, given], atol=2e-6)
    np.testing.assert_allclose(table["self_confidence"][labelled], probs[rows, given], atol=1e-6)
    flagged = table["is_issue"]
    assert 20 < flagged.sum() < 80
    assert table["p_error"][flagged].min() > table["p_error"][~flagged].max()
    for column in ("p_error", "self_confidence", "normalized_margin", "rank"):
        assert issues[column].is_null().to_numpy().tolist() == (~labelled).tolist()
    assert table["reasons"].map(len).min() >= 1
    assert table["text"].tolist() == data.texts


def test_ranks_follow_p_error_then_confidence_then_row(output):
    table = output.tables["issues"].to_pandas().dropna(subset="rank").reset_index()
    by_rank = table.sort_values("rank")
    expected = table.assign(
        worst=-table["p_error"], confidence=table["self_confidence"].round(6)
    ).sort_values(["worst", "confidence", "index"])
    assert by_rank["id"].tolist() == expected["id"].tolist()
    assert sorted(table["rank"]) == list(range(1, 271))


def test_ties_are_ranked_by_row(make_set):
    data = make_set([6, 6])
    same = np.r_[0, 0, 0, 0, np.arange(1, 12)]
    copies = data.take(same).given_to(range(4), "refund")
    table = run(copies.tables(), JointParams()).tables["issues"].to_pandas()
    assert table["p_error"][:4].nunique() == 1
    assert table["rank"][:4].tolist() == [table["rank"][0] + i for i in range(4)]


def test_trusted_rows_are_ranked_last(data):
    rows = np.flatnonzero(data.wrong)[:5]
    said = pa.table(
        {"id": [f"r{i}" for i in rows], "verified_label": [NAMES[data.true[i]] for i in rows]}
    )
    table = run(data.tables() | {"trusted": said}, JointParams()).tables["issues"].to_pandas()
    assert table["is_trusted"].sum() == 5
    assert set(table["rank"][rows]) == set(range(266, 271))
    assert table["suggested_label"][rows].tolist() == [NAMES[data.true[i]] for i in rows]
    assert not table["is_issue"][rows].any()


def test_the_joint_is_a_joint(output):
    table = output.tables["joint"].to_pandas()
    assert table["given_label"].tolist() == list(np.repeat(NAMES, 4))
    assert table["true_label"].tolist() == list(NAMES) * 4
    assert table["joint"].sum() == pytest.approx(1)
    assert 200 < table["count"].sum() <= 270  # rows that are confidently of some class
    np.testing.assert_allclose(table.groupby("true_label")["noise_rate"].sum(), 1)
    np.testing.assert_allclose(table.groupby("given_label")["inverse"].sum(), 1)
    joint = table["joint"].to_numpy().reshape(4, 4)  # [given, true]
    classes = output.tables["classes"].to_pandas()
    np.testing.assert_allclose(joint.sum(axis=1), classes["given_share"])
    np.testing.assert_allclose(table["noise_rate"], (joint / joint.sum(axis=0)).reshape(-1))
    np.testing.assert_allclose(
        table["inverse"], (joint / joint.sum(axis=1, keepdims=True)).reshape(-1)
    )
    cell = table.set_index(["given_label", "true_label"])["noise_rate"]
    assert cell["refund", "billing"] == pytest.approx(25 / 90, abs=0.06)
    assert cell["billing", "refund"] < 0.03


def test_classes_count_what_the_issues_hold(output):
    classes = output.tables["classes"].to_pandas().set_index("label")
    issues = output.tables["issues"].to_pandas()
    labelled = issues.dropna(subset="given_label")
    assert classes.index.tolist() == list(NAMES)
    assert classes["rows"].to_dict() == labelled["given_label"].value_counts().to_dict()
    assert classes["issues"].sum() == issues["is_issue"].sum() == output.results["issues"]
    np.testing.assert_allclose(
        classes["noise_rate"], labelled.groupby("given_label")["p_error"].mean(), atol=1e-5
    )
    np.testing.assert_allclose(classes["given_share"], classes["rows"] / 270)
    assert classes["true_share"].sum() == pytest.approx(1)
    assert (classes["noise_rate_low"] <= classes["noise_rate"]).all()
    assert (classes["noise_rate"] <= classes["noise_rate_high"]).all()
    assert classes["noise_rate"].idxmax() == "refund"
    assert classes["true_share"]["billing"] > classes["given_share"]["billing"] + 0.04


def test_the_worst_pair_comes_first_with_an_example(output, data):
    pairs = output.tables["pairs"].to_pandas()
    worst = pairs.iloc[0]
    assert (worst["given_label"], worst["suggested_label"]) == ("refund", "billing")
    assert worst["expected_rows"] == pytest.approx(25, abs=6)
    assert (np.diff(pairs["expected_rows"]) <= 1e-6).all()
    assert pairs["expected_rows"].min() >= 0.5
    issues = output.tables["issues"].to_pandas()
    flagged = issues[issues["is_issue"]].groupby(["given_label", "suggested_label"]).size()
    for pair in pairs.itertuples():
        key = (pair.given_label, pair.suggested_label)
        assert pair.issues == flagged.get(key, 0)
        row, near = int(pair.example_id[1:]), int(pair.nearest_id[1:])
        assert data.given[row] == pair.given_label
        assert data.given[near] == pair.suggested_label
        assert (pair.example_text, pair.nearest_text) == (data.texts[row], data.texts[near])
        theirs = [i for i, label in enumerate(data.given) if label == pair.suggested_label]
        similarities = data.embeddings[theirs] @ data.embeddings[row]
        assert pair.similarity == pytest.approx(similarities.max(), abs=1e-5)


def test_a_copy_is_not_the_nearest_example(data):
    """An example beside its own copy with the other label would show nothing."""
    n_rows = len(data.texts)
    wrong = [i for i, label in enumerate(data.given) if label == "refund" and data.wrong[i]]
    copies = data.take(np.r_[np.arange(n_rows), wrong])
    copies = copies.given_to(range(n_rows, n_rows + len(wrong)), "billing")
    pairs = run(copies.tables(), JointParams()).tables["pairs"].to_pylist()
    pair = next(
        p for p in pairs if (p["given_label"], p["suggested_label"]) == ("refund", "billing")
    )
    assert int(pair["example_id"][1:]) in wrong
    assert pair["similarity"] < 0.999


def test_a_trusted_row_is_no_example(data):
    chosen = np.flatnonzero([label == "refund" for label in data.given])
    said = pa.table({"id": [f"r{i}" for i in chosen], "verified_label": ["billing"] * len(chosen)})
    pairs = run(data.tables() | {"trusted": said}, JointParams()).tables["pairs"].to_pylist()
    worst = pairs[0]
    assert (worst["given_label"], worst["suggested_label"]) == ("refund", "billing")
    assert worst["expected_rows"] == pytest.approx(len(chosen))
    assert worst["example_id"] is None
    assert worst["nearest_text"] is None


def test_copies_with_other_labels_are_listed(data):
    row, agreed = [i for i, label in enumerate(data.given) if label is not None][:2]
    copies = data.take(np.r_[np.arange(len(data.texts)), row, row, agreed])
    n_rows = len(copies.texts)
    other = next(name for name in NAMES if name != data.given[row])
    copies = copies.given_to([n_rows - 3, n_rows - 2], other)
    output = run(copies.tables(), JointParams())
    listed = output.tables["duplicates"].to_pylist()
    assert [item["id"] for item in listed] == [f"r{row}", f"r{n_rows - 3}", f"r{n_rows - 2}"]
    assert len({item["duplicate_group"] for item in listed}) == 1
    assert listed[0]["group_labels"] == [other, data.given[row]]
    assert output.results["duplicate_conflicts"] == 3


def test_an_unlabelled_copy_is_listed_but_conflicts_with_nobody(data):
    row = next(i for i, label in enumerate(data.given) if label is not None)
    copies = data.take(np.r_[np.arange(len(data.texts)), row, row])
    n_rows = len(copies.texts)
    other = next(name for name in NAMES if name != data.given[row])
    copies = copies.given_to([n_rows - 2], other).given_to([n_rows - 1], None)
    output = run(copies.tables(), JointParams())
    assert output.tables["duplicates"].num_rows == 3
    assert output.results["duplicate_conflicts"] == 2


def test_own_probabilities_change_nothing_about_copies_and_neighbours(data):
    first = next(i for i, label in enumerate(data.given) if label is not None)
    other = next(name for name in NAMES if name != data.given[first])
    data = data.take(np.r_[np.arange(len(data.texts)), first])
    data = data.given_to([len(data.texts) - 1], other)
    probs = np.full((len(data.texts), 4), 0.1)
    probs[np.arange(len(probs)), data.true] = 0.7
    own = pa.table({name: probs[:, k] for k, name in enumerate(NAMES)})
    plain = run(data.tables(), JointParams())
    output = run(data.tables() | {"pred_probs": own}, JointParams())
    assert output.tables["duplicates"].num_rows == 2
    assert output.tables["duplicates"].equals(plain.tables["duplicates"])
    groups = "duplicate_group"
    assert output.tables["issues"][groups].equals(plain.tables["issues"][groups])
    conform(output.tables["issues"], STAGE.writes["issues"], "issues")
    reasons = output.tables["issues"]["reasons"].to_pylist()
    row = int(np.flatnonzero(data.wrong)[-2])
    assert " of 10 nearest rows say" in reasons[row][0]
    assert reasons[row][1] == (
        f"your probabilities give {NAMES[data.true[row]]} 0.70, {data.given[row]} 0.10"
    )


def test_reasons_name_the_suggested_label(output):
    issues = output.tables["issues"].to_pandas()
    flagged = issues[issues["is_issue"] & (issues["suggested_label"] != issues["given_label"])]
    assert len(flagged) > 20
    for row in flagged.itertuples():
        start = f"a classifier trained on other rows gives {row.suggested_label} "
        assert any(reason.startswith(start) for reason in row.reasons)


def test_reasons_compare_the_given_label_with_another(output):
    for row in output.tables["issues"].to_pylist():
        if row["given_label"] is None:
            continue
        start = "the words alone give "
        quote = next(reason for reason in row["reasons"] if reason.startswith(start))
        other, given = (part.rsplit(" ", 1)[0] for part in quote.removeprefix(start).split(", "))
        assert given == row["given_label"] != other
        if row["suggested_label"] != row["given_label"]:
            assert other == row["suggested_label"]


def test_a_flag_that_keeps_its_label_says_why(data):
    tables = data.tables()
    found = judge_labels(tables, JointParams())
    issues = build(tables["embeddings"], found, 10)["issues"].to_pandas()
    kept = issues[issues["is_issue"] & (issues["suggested_label"] == issues["given_label"])]
    others = issues.drop(kept.index)
    sayings = ("no other label stands out", "remains the likeliest label")
    assert all(any(saying in reasons[0] for saying in sayings) for reasons in kept["reasons"])
    assert not any("no other label" in r for reasons in others["reasons"] for r in reasons)


def test_results_say_whether_a_change_has_a_witness(data):
    named = results(judge_labels(data.named_tables(), JointParams(labelled_by="model")))
    assert named["name_gain"] > 0.1
    assert named["noise_rate_low"] > 0.02
    assert named["can_relabel"] is True
    assert "the label names explain" in named["relabel_reason"]
    plain = results(judge_labels(data.tables(), JointParams()))
    assert plain["name_gain"] is None
    assert plain["can_relabel"] is False
    assert "nothing but the labels themselves" in plain["relabel_reason"]
    rows = np.flatnonzero([label is not None for label in data.given])[:50]
    said = pa.table(
        {"id": [f"r{i}" for i in rows], "verified_label": [NAMES[data.true[i]] for i in rows]}
    )
    verified = results(judge_labels(data.tables() | {"trusted": said}, JointParams()))
    assert (verified["trusted"], verified["learned_from"]) == (50, 50)
    assert verified["can_relabel"] is True
    assert (verified["rows"], verified["labelled"]) == (280, 270)


def test_the_deciding_rows_are_those_that_only_one_reading_suspects(data):
    tables = data.tables()
    found = judge_labels(tables, JointParams())
    built = build(tables["embeddings"], found, 10)
    rows = built["deciding"].to_pandas()
    facts = results(found)
    assert 0 < len(rows) <= min(10, 2 * facts["disputed_rows"])
    assert rows["suspected_if"].tolist() == ["as_given", "collapsed"] * (len(rows) // 2)
    only = found.readings.only
    index = rows["row_number"].to_numpy() - 1
    given_first = rows["suspected_if"].to_numpy() == "as_given"
    assert only[index[given_first], 1].min() >= only[index[~given_first], 1].max()
    assert facts["overused_label"] in NAMES
    assert facts["collapsed_into"] in NAMES


def test_how_many_of_the_flagged_rows_are_wrong_is_an_interval_that_holds_the_truth(output, data):
    facts = output.results
    flagged = output.tables["issues"]["is_issue"].to_numpy(zero_copy_only=False)
    assert facts["flagged_wrong_low"] <= facts["flagged_wrong"] <= facts["flagged_wrong_high"]
    assert facts["flagged_wrong_high"] <= flagged.sum()
    assert facts["flagged_wrong_low"] <= (flagged & data.wrong).sum()
