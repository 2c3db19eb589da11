"""The joint stage on sets with planted errors: it finds them, and is honest at the edges."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_limits

from noisefix.confident.filters import FILTERS, find_issues
from noisefix.detection.joint_facts import results
from noisefix.detection.joint_stage import STAGE, JointParams, judge_labels, run
from noisefix.errors import DataError, UsageError
from noisefix.labels import class_names, encode_labels
from noisefix.run.checks import conform
from noisefix.run.schemas import ISSUES
from noisefix.run.vector_columns import embedding_matrix

NAMES = ("billing", "delivery", "refund", "technical")


def judged(tables, **options):
    return judge_labels(tables, JointParams(**options))


def average_precision(p_error: np.ndarray, wrong: np.ndarray) -> float:
    found = wrong[np.argsort(-p_error, kind="stable")]
    return float((np.cumsum(found) / np.arange(1, len(found) + 1))[found].mean())


def symmetric(make_set, n_wrong=30):
    data = make_set([90, 90, 60, 60])
    for row in range(n_wrong):
        data = data.given_to([row], NAMES[(data.true[row] + 1 + row % 3) % 4])
    return data


def test_symmetric_errors_rank_first(make_set):
    data = symmetric(make_set)
    found = judged(data.tables())
    assert average_precision(found.estimate.p_error, data.wrong) > 0.95
    assert (found.is_issue == data.wrong).mean() > 0.97
    flagged = found.is_issue & data.wrong
    suggested = found.estimate.true_label_probs.argmax(axis=1)
    assert (suggested[flagged] == data.true[flagged]).mean() > 0.95
    rate = found.estimate.noise_rate
    assert rate.low < 0.12  # a set of 300 rows: small sets are taken for noisier than they are
    assert 0.1 < rate.high < 0.6


def test_labels_that_collapse_into_one_class_rank_first(make_set):
    """40 % of all other classes are given "billing": a classifier of the labels learns that."""
    data = make_set([80, 80, 80, 80], spread=0.9)
    for k in (1, 2, 3):
        rows = np.flatnonzero(data.true == k)
        data = data.given_to(rows[: int(0.4 * len(rows))], "billing")
    found = judged(data.tables(), labelled_by="rules")
    p = found.estimate.p_error
    assert average_precision(p, data.wrong) > 0.9
    pooled = found.pred_probs
    given = found.given_labels
    plain = 1 - pooled[np.arange(len(given)), given]
    assert average_precision(p, data.wrong) > average_precision(plain, data.wrong)
    shares = found.estimate.true_shares
    assert shares[0] < 0.45 < np.mean(given == 0)
    rates = [rate.value for rate in found.estimate.class_noise_rates]
    assert int(np.argmax(rates)) == 0


def test_a_rare_class_that_is_given_too_often_ranks_first(make_set):
    """An over-flagging annotator: two thirds of the rows given "refund" are something else."""
    data = make_set([150, 150, 20, 0], spread=0.6)
    wrong = np.r_[np.flatnonzero(data.true == 0)[:20], np.flatnonzero(data.true == 1)[:20]]
    data = data.given_to(wrong, "refund")
    found = judged(data.named_tables())
    p = found.estimate.p_error
    assert average_precision(p, data.wrong) > 0.8
    given_refund = np.array([label == "refund" for label in data.given])
    assert p[given_refund & data.wrong].mean() > p[given_refund & ~data.wrong].mean() + 0.25
    assert int(np.argmax([r.value for r in found.estimate.class_noise_rates])) == 2


def test_clean_labels_are_left_alone(make_set):
    data = make_set([80, 80, 60, 40])
    found = judged(data.named_tables())
    assert found.is_issue.sum() <= 2
    assert found.estimate.noise_rate.low < 0.01
    assert found.estimate.noise_rate.value < 0.05


def test_names_that_explain_the_labels_are_weighed_in(make_set):
    data = symmetric(make_set)
    plain, named = judged(data.tables()), judged(data.named_tables())
    assert plain.names is None
    assert named.names is not None
    assert named.names.gain > 0.3
    assert named.estimate.noise_rate.value < plain.estimate.noise_rate.value
    assert average_precision(named.estimate.p_error, data.wrong) > 0.97


@pytest.mark.parametrize("broken", ["class", "dimension"])
def test_names_that_do_not_fit_are_left_out(make_set, broken):
    tables = symmetric(make_set).named_tables()
    names = tables["label_names"]
    if broken == "class":
        names = names.slice(1)
    else:
        short = np.array(names["embedding"].to_pylist())[:, :5].astype(np.float32)
        column = pa.FixedSizeListArray.from_arrays(pa.array(short.reshape(-1)), 5)
        names = names.set_column(2, "embedding", column)
    assert judged(tables | {"label_names": names}).names is None


def test_unlabelled_rows_are_suggested_a_label_and_never_flagged(make_set):
    data = symmetric(make_set)
    rows = np.arange(100, 140)
    data = data.given_to(rows, None)
    found = judged(data.tables())
    assert np.isnan(found.estimate.p_error[rows]).all()
    assert not found.is_issue[rows].any()
    suggested = found.estimate.true_label_probs[rows].argmax(axis=1)
    assert (suggested == data.true[rows]).mean() > 0.9


def trusted(rows, labels) -> pa.Table:
    return pa.table(
        {"id": [f"r{i}" for i in rows], "verified_label": pa.array(labels, pa.string())}
    )


def test_verified_rows_are_never_flagged_and_teach(make_set):
    data = symmetric(make_set)
    rows = np.arange(60)  # the first 30 are wrong
    tables = data.tables() | {"trusted": trusted(rows, [NAMES[k] for k in data.true[rows]])}
    found = judged(tables)
    assert found.is_trusted.sum() == 60
    assert not found.is_issue[rows].any()
    assert found.estimate.p_error[rows].tolist() == data.wrong[rows].astype(float).tolist()
    assert found.estimate.n_verified == 60


def test_marked_rows_are_right_and_teach_nothing(make_set):
    data = symmetric(make_set)
    rows = np.arange(30, 60)
    found = judged(data.tables() | {"trusted": trusted(rows, [None] * 30)})
    assert not found.estimate.p_error[rows].any()
    assert found.estimate.n_verified == 0
    plain = judged(data.tables())
    np.testing.assert_array_equal(found.estimate.p_error[60:], plain.estimate.p_error[60:])


def test_a_verified_label_that_no_row_was_given(make_set):
    data = symmetric(make_set)
    found = judged(data.tables() | {"trusted": trusted([40], ["complaint"])})
    assert found.verified_names == (*NAMES, "complaint")
    assert found.estimate.p_error[40] == 1
    assert found.is_trusted[40]
    assert not found.is_issue[40]
    assert found.estimate.n_verified == 1


def test_all_rows_trusted(make_set):
    data = make_set([20, 20, 0, 0])
    rows = np.arange(40)
    found = judged(data.tables() | {"trusted": trusted(rows, [None] * 40)})
    assert not found.is_issue.any()
    assert found.estimate.noise_rate.value == found.estimate.noise_rate.high == 0


def own_probs(data, seed=0) -> pa.Table:
    probs = np.random.default_rng(seed).dirichlet(np.ones(4), len(data.texts))
    probs[np.arange(len(probs)), data.true] += 2
    probs /= probs.sum(axis=1, keepdims=True)
    ids = [f"r{i}" for i in range(len(probs))]
    return pa.table({"id": ids} | {name: probs[:, k] for k, name in enumerate(NAMES)})


def test_own_probabilities_take_the_place_of_the_views(make_set):
    data = symmetric(make_set)
    table = own_probs(data)
    order = np.random.default_rng(1).permutation(len(data.texts))
    found = judged(data.tables() | {"pred_probs": table.take(pa.array(order))})
    assert found.views is None
    copies = np.unique(found.surroundings.duplicate_groups, return_counts=True)[1]
    assert copies.max() == 1
    expected = np.stack([table[name].to_numpy() for name in NAMES], axis=1)
    np.testing.assert_array_equal(found.pred_probs, expected)
    assert average_precision(found.estimate.p_error, data.wrong) > 0.9


@pytest.mark.parametrize(
    ("value", "message"),
    [(1.7, "sum to"), (-0.2, "negative"), (float("nan"), "not a probability")],
)
def test_own_probabilities_are_checked(make_set, value, message):
    data = symmetric(make_set)
    table = own_probs(data)
    column = table["billing"].to_numpy().copy()
    column[7] = value
    table = table.set_column(1, "billing", pa.array(column))
    with pytest.raises(DataError, match=f"row 8.*{message}"):
        judged(data.tables() | {"pred_probs": table})


@pytest.mark.parametrize("filter_by", FILTERS)
def test_a_filter_takes_the_place_of_the_verdict(make_set, filter_by):
    data = symmetric(make_set).given_to(range(100, 110), None)
    rows = range(20)
    tables = data.tables() | {
        "pred_probs": own_probs(data),
        "trusted": trusted(rows, [None] * 20),
    }
    found = judged(tables, filter_by=filter_by)
    expected = find_issues(found.given_labels, found.pred_probs, filter_by)
    assert expected[:20].any()
    expected[:20] = False  # trusted
    np.testing.assert_array_equal(found.is_issue, expected)
    assert not found.is_issue[100:110].any()


def test_known_shares_change_the_verdict(make_set):
    data = make_set([120, 60, 60, 60], spread=0.9)
    plain = judged(data.tables())
    right = judged(
        data.tables(),
        class_shares=(("billing", 0.4), ("delivery", 0.2), ("refund", 0.2), ("technical", 0.2)),
    )
    opposite = judged(data.tables(), class_shares=(("billing", 0.01),))
    of_right, of_plain, of_opposite = (
        found.estimate.p_error[found.given_labels == 0].mean() for found in (right, plain, opposite)
    )
    assert of_opposite > max(of_right, of_plain) + 0.1


@pytest.mark.parametrize(
    ("shares", "error", "message"),
    [
        ((("zebra", 0.5),), DataError, "'zebra', which is not a class"),
        ((("billing", 1.5),), UsageError, "outside of 0 to 1"),
        ((("billing", float("nan")),), UsageError, "outside of 0 to 1"),
        ((("billing", 0.7), ("refund", 0.7)), UsageError, "sum to 1.4"),
        (tuple((name, 0.1) for name in NAMES), UsageError, "sum to 0.4"),
        (tuple((name, 0.0) for name in NAMES), UsageError, "sum to 0"),
    ],
)
def test_shares_that_cannot_be(make_set, shares, error, message):
    with pytest.raises(error, match=message):
        judged(make_set([10, 10, 10, 10]).tables(), class_shares=shares)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_folds": 1}, "--n-folds is 1"),
        ({"n_neighbors": 0}, "--n-neighbors is 0"),
        ({"filter_by": "magic"}, "'magic' is unknown"),
        ({"labelled_by": "aliens"}, "--labelled-by: 'aliens' is not one of people"),
        ({"one_sided": 10}, "--one-sided tells"),
        ({"unverified_class": "a", "one_sided": 0.9}, "--one-sided is 0.9"),
        ({"unverified_class": "a", "one_sided": float("nan")}, "--one-sided is nan"),
        ({"unverified_class": "a", "one_sided": float("inf")}, "--one-sided is inf"),
        ({"flag_precision": 0.0}, "--flag-precision is 0"),
        ({"flag_precision": 1.5}, "--flag-precision is 1.5"),
        ({"flag_top": -1}, "--flag-top is -1"),
        ({"flag_top": 5, "flag_precision": 0.5}, "exclude each other"),
        ({"flag_top": 0, "filter_by": "confident_learning"}, "chooses the flagged rows"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(UsageError, match=message):
        JointParams(**options)


@pytest.mark.parametrize("labels", [[None] * 6, ["a"] * 6, ["a", None] * 3])
def test_one_class_or_none_cannot_be_judged(make_set, labels):
    data = make_set([3, 3])
    for row, label in enumerate(labels):
        data = data.given_to([row], label)
    with pytest.raises(DataError, match=r"one class \('a'\)|no labels"):
        judged(data.tables())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_embeddings_that_are_no_numbers(make_set, bad):
    data = make_set([10, 10])
    data.embeddings[4, 2] = bad
    with pytest.raises(DataError, match=r"row 5 holds NaN or infinity \(1 such rows\)"):
        judged(data.tables())


def test_embeddings_of_a_sliced_and_chunked_table(make_set):
    data = make_set([10, 10])
    table = data.tables()["embeddings"]
    pieces = pa.concat_tables([table.slice(3, 4), table.slice(10, 5)])
    np.testing.assert_array_equal(embedding_matrix(pieces), data.embeddings[np.r_[3:7, 10:15]])


@pytest.mark.parametrize("given", [["a"] * 9 + ["b"], ["a", "b"] + [None] * 8, list("abcdefghij")])
def test_without_two_classes_of_two_rows_there_is_nothing_to_compare(make_set, given):
    data = make_set([4, 3, 3])
    for row, label in enumerate(given):
        data = data.given_to([row], label)
    with pytest.raises(DataError, match="nothing to compare") as caught:
        judged(data.tables())
    assert "label columns?" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "given",
    [
        ["a", "b", "c", "d", "e"] * 2,
        ["a"] * 4 + ["b"] * 5 + ["c"],
        ["a", "b", "a", "b"] + [None] * 6,
    ],
)
def test_ten_rows(make_set, given):
    data = make_set([4, 3, 3])
    for row, label in enumerate(given):
        data = data.given_to([row], label)
    output = run(data.tables(), JointParams())
    issues = conform(output.tables["issues"], ISSUES, "test")
    labelled = [label is not None for label in given]
    assert [p is not None for p in issues["p_error"].to_pylist()] == labelled
    assert sorted(r for r in issues["rank"].to_pylist() if r) == list(range(1, sum(labelled) + 1))


def test_a_class_of_one_row_gets_no_verdict(make_set):
    data = make_set([60, 60]).given_to([0], "zz_single")
    found = judged(data.tables())
    rate = found.estimate.noise_rate
    assert not found.is_issue[0]
    assert found.estimate.p_error[0] == pytest.approx(rate.value)
    assert found.estimate.class_noise_rates[2].value == pytest.approx(rate.value)
    assert (found.estimate.class_noise_rates[2].low, found.estimate.class_noise_rates[2].high) == (
        0,
        1,
    )
    assert 0 < found.pred_probs[:, 2].max() < 0.1  # an annotator's answer can still be that class
    np.testing.assert_allclose(found.pred_probs.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found.estimate.true_label_probs.sum(axis=1), 1, atol=1e-5)
    table = run(data.tables(), JointParams()).tables["issues"].to_pylist()
    assert (
        table[0]["reasons"][0] == "the only row labelled zz_single: too little to compare it with"
    )
    assert table[0]["rank"] == 120
    assert table[0]["suggested_label"] == "zz_single"


def test_one_row_more_or_less_of_its_own_class_changes_no_other_verdict(make_set):
    data = make_set([60, 60])
    lone, without = data.given_to([0], "zz_single"), data.given_to([0], None)
    one, two = judged(lone.tables()), judged(without.tables())
    np.testing.assert_allclose(one.estimate.p_error[1:], two.estimate.p_error[1:], atol=1e-9)
    assert one.estimate.noise_rate.value == pytest.approx(two.estimate.noise_rate.value)


def test_copies_of_one_text_are_as_lone_as_one_row(make_set):
    data = make_set([60, 60]).given_to([0, 1, 2], "zz_copied")
    tables = data.tables()
    tables["embeddings"] = with_texts(tables["embeddings"], {0: "the same", 1: "The same!", 2: ""})
    found = judged(tables)
    assert not found.is_issue[:3].any()
    assert results(found)["lone_class_names"] == ["zz_copied"]
    reasons = run(tables, JointParams()).tables["issues"]["reasons"].to_pylist()
    assert reasons[0][0].startswith("all 2 rows labelled zz_copied have (nearly) the same text")
    assert reasons[2] == ["there is no text to judge a label by"]


def test_two_texts_are_too_few_where_other_classes_have_more(make_set):
    found = judged(make_set([60, 60]).given_to([0, 70], "zz_pair").tables())
    assert not found.scope.rows[[0, 70]].any()
    assert found.scope.rows.sum() == 118
    reasons = run(make_set([60, 60]).given_to([0, 70], "zz_pair").tables(), JointParams())
    assert reasons.tables["issues"]["reasons"][70].as_py()[0].startswith("only 2 different texts")
    assert judged(make_set([2, 2]).tables()).scope.rows.all()  # but better than nothing


def test_what_a_person_has_verified_is_known_of_a_lone_row_too(make_set):
    data = make_set([60, 60]).given_to([0, 1], "zz_single").given_to([1], "zz_other")
    said = pa.table({"id": ["r0", "r1"], "verified_label": ["billing", "zz_other"]})
    found = judged(data.tables() | {"trusted": said})
    assert found.estimate.p_error[:2].tolist() == [1, 0]
    assert found.estimate.true_label_probs[0].argmax() == 0
    assert found.estimate.class_noise_rates[2].value == 0  # zz_other


def test_rows_without_text_get_no_verdict_and_change_no_other(make_set):
    data = make_set([60, 60])
    wordless = list(range(0, 60, 3)) + list(range(60, 120, 2))
    tables = data.tables()
    tables["embeddings"] = with_texts(tables["embeddings"], dict.fromkeys(wordless, " ?! "))
    found, plain = judged(tables), judged(without_rows(tables, wordless))
    others = np.setdiff1d(np.arange(120), wordless)
    assert not found.is_issue[wordless].any()
    assert len(set(found.surroundings.duplicate_groups[wordless].tolist())) == len(wordless)
    assert not np.isin(found.surroundings.nearest.indices, wordless).any()
    np.testing.assert_allclose(
        found.estimate.p_error[others], plain.estimate.p_error, rtol=0.02, atol=0.005
    )
    assert found.estimate.noise_rate.value == pytest.approx(
        plain.estimate.noise_rate.value, rel=0.02
    )
    facts = results(found)
    assert (facts["no_text"], facts["judged"], facts["duplicate_conflicts"]) == (50, 70, 0)


def with_texts(table: pa.Table, texts: dict[int, str]) -> pa.Table:
    """Replace texts; rows with the same text are embedded alike."""
    old, vectors = table["text"].to_pylist(), table["embedding"].to_pylist()
    same = vectors[next(iter(texts))]
    new = [texts.get(row, text) for row, text in enumerate(old)]
    moved = [same if row in texts else vector for row, vector in enumerate(vectors)]
    table = table.set_column(2, "text", pa.array(new, pa.large_string()))
    return table.set_column(4, "embedding", pa.array(moved, table["embedding"].type))


def without_rows(tables: dict[str, pa.Table], rows: list[int]) -> dict[str, pa.Table]:
    kept = [row for row in range(tables["embeddings"].num_rows) if row not in rows]
    return tables | {"embeddings": tables["embeddings"].take(kept)}


def test_a_hundred_classes():
    rng = np.random.default_rng(0)
    true = np.repeat(np.arange(100), 4)
    centres = rng.normal(size=(100, 32))
    rows = centres[true] + 0.5 * rng.normal(size=(400, 32))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    given = [str(k) for k in true]
    given[0] = "99"
    flat = pa.array(rows.reshape(-1))
    table = pa.table(
        {
            "id": [str(i) for i in range(400)],
            "row_number": range(1, 401),
            "text": [f"topic {k} row {i}" for i, k in enumerate(true)],
            "given_label": given,
            "embedding": pa.FixedSizeListArray.from_arrays(flat, 32),
        }
    )
    found = judged({"embeddings": table})
    assert found.class_names == tuple(str(k) for k in range(100))  # 2 before 10
    assert found.estimate.p_error.argmax() == 0
    assert found.estimate.true_label_probs[0].argmax() == 0


def test_verdicts_and_written_estimates_agree(make_set):
    """What is written is rounded; a last bit must not make flags that the table belies."""
    found = judged(symmetric(make_set).tables())
    written = np.round(found.estimate.p_error, 6)
    assert 0 < found.is_issue.sum() < len(written)
    assert written[found.is_issue].min() > np.nanmax(written[~found.is_issue])


def test_who_labelled_decides_between_the_readings(make_set):
    """Two thirds of the rows given the rare "refund" are something else."""
    data = make_set([150, 150, 20, 0], spread=0.9)
    wrong = np.r_[np.flatnonzero(data.true == 0)[:20], np.flatnonzero(data.true == 1)[:20]]
    data = data.given_to(wrong, "refund")
    given = np.array(data.given) == "refund"
    by = {who: judged(data.tables(), labelled_by=who) for who in ("people", "model", "unknown")}
    p = {who: found.estimate.p_error for who, found in by.items()}
    lean = {who: p[who][given].mean() / p[who][~given].mean() for who in p}
    assert lean["people"] > lean["model"]
    assert p["people"].mean() < p["model"].mean()


def nobody_looked(make_set):
    """A third of all other classes is left at "billing"; hard to tell apart."""
    data = make_set([80, 80, 80, 80], spread=1.2)
    for k in (1, 2, 3):
        data = data.given_to(np.flatnonzero(data.true == k)[:27], "billing")
    return data


def test_the_class_that_rows_get_where_nobody_looked_alone_is_suspicious(make_set):
    data = nobody_looked(make_set)
    plain, told = judged(data.tables()), judged(data.tables(), unverified_class="billing")
    before, after = plain.estimate, told.estimate
    given = told.given_labels
    looked_at = given != 0

    def odds(p):
        return np.log(p) - np.log1p(-p)

    fall = odds(before.p_error) - odds(after.p_error)
    np.testing.assert_allclose(fall[looked_at], np.log(10))
    np.testing.assert_allclose(fall[~looked_at], 0, atol=1e-9)
    assert average_precision(after.p_error, data.wrong) > average_precision(
        before.p_error, data.wrong
    )
    assert after.noise_rate.high < before.noise_rate.high
    assert after.noise_rate.value == pytest.approx(after.p_error.mean())
    stays = after.true_label_probs[np.arange(len(given)), given]
    np.testing.assert_allclose(stays, 1 - after.p_error, atol=1e-6)
    assert (told.is_issue & looked_at).sum() < (plain.is_issue & looked_at).sum()


def test_flags_do_not_shrink_to_those_of_clean_data_because_other_rows_are_trusted(make_set):
    data = make_set([300, 300, 0, 0], spread=1.6)
    data = data.given_to(np.flatnonzero(data.true == 1)[:40], "billing")
    found = judged(data.tables(), unverified_class="billing", one_sided=1000)
    p, rate = found.estimate.p_error, found.estimate.noise_rate
    assert rate.low < 0.012
    assert found.is_issue.sum() > (p >= 0.55).sum()


def test_how_much_the_others_are_trusted(make_set):
    tables = nobody_looked(make_set).tables()
    plain = judged(tables).estimate.p_error
    same = judged(tables, unverified_class="billing", one_sided=1).estimate.p_error
    np.testing.assert_array_equal(plain, same)
    rates = [
        judged(tables, unverified_class="billing", one_sided=x).estimate.noise_rate.value
        for x in (1, 3, 30)
    ]
    assert rates[0] > rates[1] > rates[2]


def test_verified_rows_take_back_what_the_user_said(make_set):
    data = nobody_looked(make_set)
    rows = np.flatnonzero(np.array(data.given) == "refund")[:20]
    wrong = trusted(rows, ["delivery"] * 20)
    told = judged(data.tables(), unverified_class="billing")
    learned = judged(data.tables() | {"trusted": wrong}, unverified_class="billing")
    others = (np.array(data.given) == "refund") & (learned.verified_labels < 0)
    assert others.any()
    assert learned.estimate.p_error[others].mean() > 3 * told.estimate.p_error[others].mean()


def test_an_unverified_class_that_is_none(make_set):
    with pytest.raises(DataError, match="--unverified-class names 'zebra'") as refused:
        judged(make_set([10, 10, 10, 10]).tables(), unverified_class="zebra")
    assert refused.value.hint == "the classes are billing, delivery, refund, technical"


def test_an_unverified_class_without_a_verdict(make_set):
    data = make_set([40, 40, 1, 0])
    plain, told = (judged(data.tables(), unverified_class=label) for label in (None, "refund"))
    others = np.array(data.given) != "refund"
    assert (told.scope.rows == others).all()
    assert told.estimate.p_error[others].mean() < plain.estimate.p_error[others].mean() / 2


def test_flags_by_number_and_by_precision(make_set):
    tables = symmetric(make_set).tables()
    few = judged(tables, flag_top=7)
    assert few.is_issue.sum() == 7
    sure = judged(tables, flag_precision=0.6)
    p = sure.estimate.p_error[sure.is_issue]
    assert len(p) > 0
    assert p.mean() >= 0.6


def test_same_seed_same_bytes_whatever_the_threads(make_set):
    tables = symmetric(make_set).named_tables()
    found = []
    for n_threads in (1, 3):
        with threadpool_limits(n_threads):
            found.append(run(tables, JointParams(), seed=5))
    assert found[0].results == found[1].results
    for name, table in found[0].tables.items():
        assert table.equals(found[1].tables[name]), name


def test_the_labels_order_is_the_canonical_one(make_set):
    found = judged(make_set([10, 10, 10, 10]).tables())
    assert found.class_names == class_names(NAMES)
    np.testing.assert_array_equal(
        found.given_labels, encode_labels([NAMES[k] for k in make_set([10] * 4).true], NAMES)
    )


def test_progress_and_stage(make_set):
    steps = []
    run(make_set([10, 10]).tables(), JointParams(), progress=steps.append)
    assert [(s.stage, s.done, s.total) for s in steps] == [("joint", i, 3) for i in range(4)]
    assert set(STAGE.writes) == {
        "issues",
        "joint",
        "classes",
        "pairs",
        "duplicates",
        "deciding",
        "annotators",
        "annotations",
    }
    assert STAGE.only_with == dict.fromkeys(("annotators", "annotations"), "annotations")


@pytest.mark.parametrize("filter_by", ["p_error", *FILTERS])
@pytest.mark.parametrize("own", [False, True])
def test_no_filter_flags_what_has_no_verdict(make_set, filter_by, own):
    data = make_set([60, 60]).given_to([0], "zz_single")
    tables = data.tables()
    tables["embeddings"] = with_texts(tables["embeddings"], {7: "", 70: ""})
    if own:
        probs = np.full((120, 3), 0.2)
        probs[np.arange(120), data.true] = 0.6
        probs[[0, 7, 70]] = [[0.5, 0.5, 0], [0, 0, 1], [0, 0, 1]]
        columns = dict(zip(["billing", "delivery", "zz_single"], probs.T, strict=True))
        tables["pred_probs"] = pa.table(columns)
    found = judged(tables, filter_by=filter_by)
    assert not found.is_issue[[0, 7, 70]].any()
    np.testing.assert_allclose(found.estimate.true_label_probs.sum(axis=1), 1, atol=1e-5)
    assert run(tables, JointParams(filter_by=filter_by)).tables["issues"].num_rows == 120


def test_vectors_in_a_file_and_parts_of_any_size_make_the_same_tables(
    make_set, tmp_path, monkeypatch
):
    from noisefix.detection import issues_table
    from noisefix.run import vector_columns
    from noisefix.run.parquet import write_table
    from noisefix.run.provenance import Provenance
    from noisefix.run.schemas import EMBEDDINGS
    from noisefix.run.stage import run_stage

    table = make_set([60, 50, 40]).tables()["embeddings"]
    source = tmp_path / "embeddings.parquet"
    write_table(table, source, EMBEDDINGS, Provenance("embeddings", 1, "0"))

    def written(name):
        folder = tmp_path / name
        folder.mkdir()
        outputs = {key: folder / f"{key}.parquet" for key in STAGE.writes}
        run_stage(STAGE, {"embeddings": source}, outputs, JointParams())
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    held = written("held")
    monkeypatch.setattr(vector_columns, "IN_MEMORY_ROWS", 0)
    in_file = written("in_file")
    assert in_file == held
    assert set(held) >= {"issues.parquet", "pairs.parquet"}
    monkeypatch.setattr(issues_table, "_PART_ROWS", 1)
    monkeypatch.setattr(issues_table, "blocks", lambda n, size: ((k, k + 1) for k in range(n)))
    assert written("in_parts") == held
    whole = run({"embeddings": table}, JointParams()).tables["issues"]
    assert (
        pq.read_table(tmp_path / "held" / "issues.parquet")
        .select(whole.column_names)
        .equals(conform(whole, ISSUES, "issues").select(whole.column_names))
    )


def test_only_rows_without_texts_are_free_of_what_names_do_not_explain():
    from types import SimpleNamespace

    from noisefix.detection.seen import _name_gain

    unseen, seen = SimpleNamespace(names=None), SimpleNamespace(names=SimpleNamespace(gain=0.3))
    assert _name_gain(unseen, has_text=True) == 0.0
    assert _name_gain(unseen, has_text=False) is None
    assert _name_gain(seen, has_text=False) == _name_gain(seen, has_text=True) == 0.3
