"""Invariants of the judgement over random data: clusters, noise, gaps, copies, trusted rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.detection.joint_stage import JointParams, judge_labels, run
from noisefix.run.checks import conform
from noisefix.run.schemas import ISSUES


@dataclass(frozen=True)
class Problem:
    embeddings: np.ndarray
    texts: list[str]
    labels: np.ndarray  # class ids, -1 = unlabelled
    names: list[str]  # of the classes, in the order of the ids
    verified: dict[int, str | None]  # row to label, None = marked as right
    probs: np.ndarray  # the user's own
    centres: np.ndarray
    rng: np.random.Generator

    def tables(
        self,
        order: np.ndarray | None = None,
        names: list[str] | None = None,
        *,
        own: bool = False,
        with_names: bool = True,
    ) -> dict[str, pa.Table]:
        """The tables, with the rows in another order or the classes under other names."""
        names = names or self.names
        order = np.arange(len(self.labels)) if order is None else order
        renamed = dict(zip(self.names, names, strict=True))
        tables = {
            "embeddings": pa.table(
                {
                    "id": [f"r{i}" for i in order],
                    "row_number": pa.array(range(1, len(order) + 1), pa.int64()),
                    "text": pa.array([self.texts[i] for i in order], pa.large_string()),
                    "given_label": pa.array(
                        [None if k < 0 else names[k] for k in self.labels[order]], pa.string()
                    ),
                    "embedding": lists(self.embeddings[order]),
                }
            )
        }
        if self.verified:
            tables["trusted"] = pa.table(
                {
                    "id": [f"r{i}" for i in self.verified],
                    "verified_label": pa.array(
                        [None if v is None else renamed.get(v, v) for v in self.verified.values()],
                        pa.string(),
                    ),
                }
            )
        if with_names:
            tables["label_names"] = pa.table(
                {"label": names, "text": names, "embedding": lists(self.centres)}
            )
        if own:
            columns = {name: self.probs[:, k] for k, name in enumerate(names)}
            tables["pred_probs"] = pa.table(
                {"id": [f"r{i}" for i in range(len(self.labels))]} | columns
            )
        return tables


def lists(matrix: np.ndarray) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(matrix, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    n_classes = draw(st.integers(2, 6))
    n_rows = draw(st.integers(max(10, n_classes), 60))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    true = rng.integers(0, n_classes, n_rows)
    centres = unit(rng.normal(size=(n_classes, 8)))
    embeddings = unit(
        centres[true] + draw(st.sampled_from([0.1, 0.4, 1.0])) * rng.normal(size=(n_rows, 8))
    )
    labels = np.where(rng.random(n_rows) < 0.2, rng.integers(0, n_classes, n_rows), true)
    labels[:n_classes] = np.arange(n_classes)  # every class is given
    labels[n_classes : n_classes + 2] = [0, 1]  # and two can be compared
    missing = rng.random(n_rows) < draw(st.sampled_from([0.0, 0.3]))
    missing[: n_classes + 2] = False
    labels = np.where(missing, -1, labels)
    texts = [
        f"word{k} {rng.integers(4)} of {i} at {rng.integers(10**9)}" for i, k in enumerate(true)
    ]
    names = [f"class {k}" for k in range(n_classes)]
    trusted = np.flatnonzero(rng.random(n_rows) < draw(st.sampled_from([0.0, 0.3, 1.0])))
    said = [None, *names, "never given"]
    verified = {int(i): said[rng.integers(len(said))] for i in trusted}
    probs = rng.dirichlet(np.full(n_classes, 0.5), n_rows)
    return Problem(embeddings, texts, labels, names, verified, probs, centres, rng)


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@settings(max_examples=40)
@given(problems(), st.booleans())
def test_what_holds_for_every_row(problem: Problem, own: bool) -> None:
    tables = problem.tables(own=own)
    found = judge_labels(tables, JointParams())
    estimate, given_labels = found.estimate, found.given_labels
    labelled = given_labels >= 0
    p, probs = estimate.p_error, estimate.true_label_probs
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert (probs >= 0).all()
    assert np.isnan(p[~labelled]).all()
    assert ((p[labelled] >= 0) & (p[labelled] <= 1)).all()
    rows = np.flatnonzero(labelled)
    np.testing.assert_allclose(p[rows], 1 - probs[rows, given_labels[rows]], atol=1e-6)
    assert not found.is_issue[~labelled].any()
    assert not found.is_issue[found.is_trusted].any()
    assert set(np.flatnonzero(found.is_trusted)) == set(problem.verified)
    rate = estimate.noise_rate
    assert 0 <= rate.low <= rate.value <= rate.high <= 1
    assert rate.value == pytest.approx(p[labelled].mean())
    assert estimate.true_shares.sum() == pytest.approx(1, abs=1e-5)
    for interval in estimate.class_noise_rates:
        assert 0 <= interval.low <= interval.value <= interval.high <= 1


@settings(max_examples=20)
@given(problems(), st.booleans())
def test_verified_rows_are_as_the_person_said(problem: Problem, own: bool) -> None:
    found = judge_labels(problem.tables(own=own), JointParams())
    for row, label in problem.verified.items():
        given_label = problem.labels[row]
        if label is None:
            assert given_label < 0 or found.estimate.p_error[row] == 0
        elif label in problem.names:
            assert found.estimate.true_label_probs[row].argmax() == problem.names.index(label)
            assert found.estimate.true_label_probs[row].max() == 1
        if label is not None and given_label >= 0:
            assert found.estimate.p_error[row] == (problem.names[given_label] != label)


@settings(max_examples=20)
@given(problems())
def test_shuffling_rows_changes_nothing_but_order(problem: Problem) -> None:
    order = problem.rng.permutation(len(problem.labels))
    one = judge_labels(problem.tables(), JointParams())
    two = judge_labels(problem.tables(order), JointParams())
    np.testing.assert_array_equal(two.given_labels, one.given_labels[order])
    np.testing.assert_allclose(two.pred_probs, one.pred_probs[order], atol=1e-3)
    np.testing.assert_allclose(two.estimate.p_error, one.estimate.p_error[order], atol=5e-3)
    np.testing.assert_allclose(
        two.estimate.true_label_probs, one.estimate.true_label_probs[order], atol=5e-3
    )
    assert two.estimate.noise_rate.value == pytest.approx(one.estimate.noise_rate.value, abs=1e-3)


@pytest.mark.slow
@settings(max_examples=25)
@given(problems())
def test_shuffling_rows_changes_nothing_of_what_follows_from_probabilities(
    problem: Problem,
) -> None:
    order = problem.rng.permutation(len(problem.labels))
    one = run(problem.tables(own=True), JointParams()).tables["issues"].to_pandas()
    two = run(problem.tables(order, own=True), JointParams()).tables["issues"].to_pandas()
    one, two = one.set_index("id").loc[two["id"]], two.set_index("id")
    for column in ("self_confidence", "normalized_margin", "p_error"):
        np.testing.assert_allclose(two[column], one[column], atol=1e-5)
    clear = np.ptp(np.sort(np.stack(one["true_label_probs"]), axis=1)[:, -2:], axis=1) > 1e-4
    for column in ("given_label", "suggested_label", "predicted_label", "is_issue"):
        assert (two[column].fillna("") == one[column].fillna(""))[clear].all()
    ranked = two["rank"].notna()
    assert (one["rank"].notna() == ranked).all()
    apart = one[ranked].sort_values("rank")["p_error"].diff().abs().fillna(1) > 1e-4
    if apart.all() and not problem.verified:
        assert (two["rank"][ranked] == one["rank"][ranked]).all()


@settings(max_examples=25)
@given(problems())
def test_permuting_classes_permutes_results(problem: Problem) -> None:
    """The same data with the classes' names dealt anew, so that they sort otherwise."""
    n_classes = len(problem.names)
    shuffle = problem.rng.permutation(n_classes)
    names = [problem.names[k] for k in shuffle]  # class k is now called names[k]
    one = judge_labels(problem.tables(own=True), JointParams())
    two = judge_labels(problem.tables(names=names, own=True), JointParams())
    np.testing.assert_array_equal(two.pred_probs[:, shuffle], one.pred_probs)
    np.testing.assert_allclose(two.estimate.p_error, one.estimate.p_error, atol=1e-4)
    np.testing.assert_allclose(
        two.estimate.true_label_probs[:, shuffle], one.estimate.true_label_probs, atol=1e-4
    )
    np.testing.assert_allclose(
        two.estimate.true_shares[shuffle], one.estimate.true_shares, atol=1e-4
    )
    rates = [[r.value for r in found.estimate.class_noise_rates] for found in (one, two)]
    np.testing.assert_allclose(np.array(rates[1])[shuffle], rates[0], atol=1e-4)


@settings(max_examples=15)
@given(problems())
def test_the_tables_fit_their_schema_and_are_the_same_every_time(problem: Problem) -> None:
    one, two = (run(problem.tables(), JointParams()) for _ in range(2))
    conform(one.tables["issues"], ISSUES, "test")
    assert one.results == two.results
    for name, table in one.tables.items():
        assert table.equals(two.tables[name])
    assert one.tables["joint"].num_rows == len(problem.names) ** 2
    assert np.sum(one.tables["joint"]["joint"].to_numpy()) == pytest.approx(1)
    n_labelled = int((problem.labels >= 0).sum())
    ranks = [rank for rank in one.tables["issues"]["rank"].to_pylist() if rank is not None]
    assert sorted(ranks) == list(range(1, n_labelled + 1))
    assert all(one.tables["issues"]["reasons"].to_pylist())
