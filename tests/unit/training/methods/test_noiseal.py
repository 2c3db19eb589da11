from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from noisefix.training import noiseal_answers
from noisefix.training.checkpoints import FileCheckpoint
from noisefix.training.division import NOT_ASKED
from noisefix.training.interface import finish
from noisefix.training.methods import ce, noiseal
from noisefix.training.objective import Batch
from noisefix.training.weak_features import paired_features, reduce_words

K = 4
COLLAPSE = 0.5 * np.eye(K)
COLLAPSE[:, 0] += 0.5
QUICK = {"epochs": 15}


@pytest.fixture(scope="module")
def problem(make_problem):
    """Labels that collapse into one class, nothing known from a detect stage, words as text."""
    made = make_problem(COLLAPSE, n_rows=400, spread=0.3)
    rng = np.random.default_rng(0)
    words = np.eye(K)[made.true_labels] + 0.5 * np.abs(rng.normal(size=(400, K)))
    return made.with_data(
        word_features=words, true_label_probs=None, p_error=None, candidate_weights=None
    )


def test_an_annotator_repairs_what_the_models_cannot_know(problem):
    plain = finish(ce.fit(problem.data, ce.Params(**QUICK), seed=0, device="cpu"))
    calls, divisions = [], []

    def annotate(rows, clean):
        calls.append((rows, clean))
        return problem.true_labels[rows]

    taught = finish(
        noiseal.fit(
            problem.data,
            noiseal.Params(**QUICK),
            seed=0,
            device="cpu",
            annotate=annotate,
            on_division=divisions.append,
        )
    )
    assert problem.accuracy(taught) > problem.accuracy(plain) + 0.05
    asked = np.concatenate([rows for rows, _ in calls])
    assert len(set(asked.tolist())) == len(asked) <= 0.3 * 400  # once each, within the budget
    assert len(divisions) == 14
    assert taught.n_features == problem.data.features.shape[1]
    by_epoch = {d.epoch: d for d in divisions}
    for epoch, (rows, clean) in enumerate(calls, noiseal.Params().warm_epochs):
        if epoch in by_epoch and len(calls) == 1:
            assert set(rows) <= set(by_epoch[epoch].rows("P"))
            assert set(clean) <= set(by_epoch[epoch].rows("R"))


def test_only_rows_to_be_purified_are_asked_about(problem):
    seen = []

    def annotate(rows, clean):
        seen.append((rows, seen_divisions[-1]))
        return np.full(len(rows), -1)

    seen_divisions = []
    finish(
        noiseal.fit(
            problem.data,
            noiseal.Params(**QUICK),
            seed=0,
            device="cpu",
            annotate=annotate,
            on_division=seen_divisions.append,
        )
    )
    assert seen
    for rows, division in seen:
        assert set(rows.tolist()) <= set(division.rows("P").tolist())


def test_it_works_without_an_annotator(make_problem, problem):
    made = make_problem(COLLAPSE, n_rows=400, spread=0.3)
    made = made.with_data(word_features=problem.data.word_features)  # same seed, same rows
    plain = finish(ce.fit(made.data, ce.Params(**QUICK), seed=0, device="cpu"))
    found = finish(noiseal.fit(made.data, noiseal.Params(**QUICK), seed=0, device="cpu"))
    assert made.accuracy(found) > made.accuracy(plain) + 0.05


def test_a_killed_training_asks_nothing_twice_and_ends_the_same(problem, tmp_path):
    asked = []

    def annotate(rows, clean):
        asked.extend(rows.tolist())
        return problem.true_labels[rows]

    def start(checkpoint=None):
        return noiseal.fit(
            problem.data,
            noiseal.Params(**QUICK),
            seed=1,
            device="cpu",
            annotate=annotate,
            checkpoint=checkpoint,
        )

    whole = finish(start())
    once = list(asked)
    asked.clear()
    broken = start(FileCheckpoint(tmp_path / "s", "k", every_s=0))
    for _ in range(8):
        next(broken)
    broken.close()
    resumed = finish(start(FileCheckpoint(tmp_path / "s", "k", every_s=0)))
    assert asked == once
    for name, value in whole.state()[0].items():
        assert (resumed.state()[0][name] == value).all()


def test_an_annotator_that_is_worse_than_the_labels_does_little_harm(make_problem):
    made = make_problem(0.9 * np.eye(K) + 0.025, n_rows=400, spread=0.3)
    probs = 0.85 * np.eye(K)[made.data.given_labels] + 0.15 / K
    words = np.eye(K)[made.true_labels]
    made = made.with_data(word_features=words, true_label_probs=probs)
    rng = np.random.default_rng(0)
    results = [
        made.accuracy(
            finish(
                noiseal.fit(
                    made.data, noiseal.Params(**QUICK), seed=0, device="cpu", annotate=annotate
                )
            )
        )
        for annotate in (None, lambda rows, clean: rng.integers(K, size=len(rows)))
    ]
    assert results[1] > results[0] - 0.02


def test_answers_are_weighed_by_bayes_rule():
    believed = np.array([[0.6, 0.3, 0.1]])
    found = noiseal_answers.weigh_answers(believed, np.array([2]), 0.8)
    wanted = np.array([0.6 * 0.1, 0.3 * 0.1, 0.1 * 0.8])
    np.testing.assert_allclose(found[0], wanted / wanted.sum())


def test_the_three_losses(problem):
    objective = noiseal.NoiseAL(problem.data, noiseal.Params(), "cpu")
    objective.subsets[:3] = torch.tensor([0, 1, 2])
    objective.targets[:3] = torch.eye(K)[[0, 1, 2]]
    logits = torch.randn(2, 3, K, generator=torch.Generator().manual_seed(0))
    features = torch.zeros(2, 3, 5)

    class Unmixed:  # beta 1, identity permutation: mixing changes nothing
        def beta(self, a, b, count):
            return np.ones(count)

        def permutation(self, count):
            return np.arange(count)

    batch = Batch(torch.arange(3), features, logits, 0.5, lambda x: logits, Unmixed())
    p = logits.softmax(-1)
    ce_rows = -torch.stack([p[:, 0, 0], p[:, 1, 1], p[:, 2, 2]], 1).log()
    wanted = (ce_rows.sum() + 4 * (1 - p[:, 2, 2]).sum()) / 3
    torch.testing.assert_close(objective.loss(batch), wanted)


def test_rows_of_h_are_mixed_in_embedding_space(problem):
    objective = noiseal.NoiseAL(problem.data, noiseal.Params(), "cpu")
    rng = np.random.default_rng(4)
    targets = rng.dirichlet(np.ones(K), size=4)
    objective.targets[:4] = torch.tensor(targets)
    objective.subsets[:4] = torch.tensor([1, 0, 1, 2])  # H, R, H, P
    features, weight = rng.normal(size=(2, 4, 5)), rng.normal(size=(2, 5, K))
    drawn, partner = np.array([0.2, 0.9, 0.7, 0.5]), np.array([3, 2, 0, 1])

    class Scripted:
        def beta(self, a, b, count):
            assert (a, b, count) == (0.75, 0.75, 4)
            return drawn

        def permutation(self, count):
            return partner

    def forward(x):
        return x @ torch.tensor(weight).float()

    inputs = torch.tensor(features).float()
    batch = Batch(torch.arange(4), inputs, forward(inputs), 0.5, forward, Scripted())
    wanted = 0.0
    for m in range(2):
        log_p = log_softmax(features[m] @ weight[m], axis=1)
        wanted -= targets[1] @ log_p[1]  # L_R
        wanted -= targets[3] @ log_p[3]  # L_P: forward, and with the two sides exchanged
        wanted -= np.exp(log_p[3]) @ np.log(np.maximum(targets[3], np.exp(-4)))
        for i, share in ((0, 0.8), (2, 0.7)):  # L_H: nearer to itself than to its partner
            mixed = share * features[m, i] + (1 - share) * features[m, partner[i]]
            target = share * targets[i] + (1 - share) * targets[partner[i]]
            wanted -= target @ log_softmax(mixed @ weight[m])
    assert float(objective.loss(batch)) == pytest.approx(wanted / 4, rel=1e-5)


def test_targets_by_subset(problem):
    """R: the given label. H: half the models' average. P: the same, or what the answer makes it."""
    given = problem.data.given_labels
    params = noiseal.Params(warm_epochs=1, momentum=0.5, most_asked=0.02)
    asked, divisions = [], []

    def annotate(rows, clean):
        asked.extend(rows.tolist())
        return np.full(len(rows), 3)

    objective = noiseal.NoiseAL(problem.data, params, "cpu", annotate, divisions.append)
    logits = np.random.default_rng(1).normal(scale=2, size=(2, len(given), K))
    objective.start_epoch(0, lambda: torch.tensor(logits))
    assert not divisions  # nothing is known before the first epoch
    np.testing.assert_allclose(objective.targets, np.eye(K)[given])
    objective.start_epoch(1, lambda: torch.tensor(logits))

    average = 0.5 / K + 0.5 * softmax(logits, axis=2).mean(axis=0)
    division, targets = divisions[0], objective.targets.numpy()
    assert (objective.subsets.numpy() == division.subset).all()
    clean, hard, purify = (division.rows(name) for name in "RHP")
    np.testing.assert_allclose(targets[clean], np.eye(K)[given[clean]])
    np.testing.assert_allclose(targets[hard], average[hard], atol=1e-6)
    left = np.setdiff1d(purify, asked)
    np.testing.assert_allclose(targets[left], average[left], atol=1e-6)
    likelihood = np.where(np.arange(K) == 3, 0.8, 0.2 / (K - 1))
    answered = average[asked] * likelihood
    answered /= answered.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(targets[asked], answered, atol=1e-6)
    # Asked are the rows of P whose label the models hold least probable, within the budget.
    doubtful = purify[np.argsort(average[purify, given[purify]], kind="stable")]
    assert asked == doubtful[: int(0.02 * len(given))].tolist()


def test_hard_rows_have_the_models_average_as_the_paper_has_it(make_problem, problem):
    made = make_problem(COLLAPSE, n_rows=400, spread=0.3)
    made = made.with_data(word_features=problem.data.word_features)
    logits = np.random.default_rng(1).normal(size=(2, 400, K))
    average = 0.3 * softmax(logits, axis=2).mean(axis=0) + 0.7 / K
    for share in (0.0, 0.5):
        params, divisions = noiseal.Params(warm_epochs=1, hard_belief=share), []
        objective = noiseal.NoiseAL(made.data, params, "cpu", None, divisions.append)
        objective.start_epoch(1, lambda: torch.tensor(logits))
        hard = divisions[0].rows("H")
        wanted = (1 - share) * average[hard] + share * made.data.true_label_probs[hard]
        np.testing.assert_allclose(objective.targets[hard], wanted, atol=1e-6)
        purify = divisions[0].rows("P")
        estimates = made.data.true_label_probs[purify]
        np.testing.assert_allclose(objective.targets[purify], estimates, atol=1e-6)
        assert len(hard) > 10
        assert len(purify) > 10


def objective_with(data, annotate, **params):
    return noiseal.NoiseAL(
        data, noiseal.Params(warm_epochs=1, momentum=0.5, **params), "cpu", annotate
    )


@pytest.fixture
def doubtful(problem):
    """All labels are contradicted, so that all rows are in P."""
    logits = np.full((2, len(problem.data.given_labels), K), -5.0)
    others = (problem.data.given_labels + 1) % K
    logits[:, np.arange(len(others)), others] = 5.0
    return torch.tensor(logits)


def test_near_duplicates_are_asked_about_once_and_share_the_answer(problem, doubtful):
    groups = np.arange(400)
    same = np.flatnonzero(problem.data.given_labels == 0)[:5]
    groups[same] = same[0]
    data = replace(problem.data, groups=groups)
    asked = []

    def annotate(rows, clean):
        asked.extend(rows.tolist())
        return np.full(len(rows), 2)

    objective = objective_with(data, annotate, most_asked=1.0)
    objective.start_epoch(1, lambda: doubtful)
    objective.start_epoch(2, lambda: doubtful)
    assert len(set(same.tolist()) & set(asked)) == 1
    assert len(asked) == len(set(asked)) == 400 - 4
    assert (objective.targets[same][:, 2] > 0.4).all()


def test_verified_rows_are_not_asked_about(problem, doubtful):
    probs = np.full((400, K), 1 / K)
    probs[7] = np.eye(K)[problem.data.given_labels[7]]
    data = replace(problem.data, true_label_probs=probs, p_error=np.full(400, 0.5))
    asked = []
    objective = objective_with(
        data, lambda rows, clean: asked.extend(rows) or np.zeros(len(rows), int), most_asked=1.0
    )
    objective.start_epoch(1, lambda: doubtful)
    assert set(asked) == set(range(400)) - {7}


def test_most_rows_and_rows_nobody_was_asked_about(problem, doubtful):
    calls = []

    def annotate(rows, clean):
        calls.append(rows)
        answers = np.zeros(len(rows), int)
        if len(calls) == 1:
            answers[3:] = NOT_ASKED  # the money was spent
        return answers

    objective = objective_with(problem.data, annotate, most_rows=10)
    for epoch in (1, 2, 3):
        objective.start_epoch(epoch, lambda: doubtful)
    assert [len(rows) for rows in calls] == [10, 7]
    assert set(calls[0][3:]) == set(calls[1])
    assert objective.counts["asked"] == 10
    nobody = objective_with(problem.data, annotate, most_rows=0)
    nobody.start_epoch(1, lambda: doubtful)
    assert len(calls) == 2


@pytest.mark.parametrize("wrong", [{"most_asked": 1.5}, {"most_rows": -1}, {"hard_belief": -0.1}])
def test_params_out_of_range(wrong):
    from noisefix.errors import UsageError

    with pytest.raises(UsageError, match=next(iter(wrong))):
        noiseal.Params(**wrong)


def test_a_resumed_training_shows_all_divisions(problem, tmp_path):
    def start(seen, checkpoint=None):
        return noiseal.fit(
            problem.data,
            noiseal.Params(**QUICK),
            seed=1,
            device="cpu",
            checkpoint=checkpoint,
            on_division=seen.append,
        )

    whole, before, after, again = [], [], [], []
    finish(start(whole))
    broken = start(before, FileCheckpoint(tmp_path / "s", "k", every_s=0))
    for _ in range(8):
        next(broken)
    broken.close()
    finish(start(after, FileCheckpoint(tmp_path / "s", "k", every_s=0)))
    finish(start(again, FileCheckpoint(tmp_path / "s", "k", every_s=0)))  # nothing is left to do
    assert len(before) == 7
    assert len(whole) == 14
    for found in (after, again):
        assert [d.epoch for d in found] == list(range(1, 15))
        for one, other in zip(whole, found, strict=True):
            assert (one.subset == other.subset).all()
            assert (one.predicted == other.predicted).all()
            assert (one.confidence == other.confidence).all()
            assert (one.is_consistent == other.is_consistent).all()
            assert one.thresholds == other.thresholds


def test_weak_features_are_reduced_and_beside_the_embeddings():
    rng = np.random.default_rng(0)
    words = rng.random((30, 50))
    embeddings = rng.random((30, 8)).astype(np.float32)
    both = paired_features(embeddings, words, 12, 0)
    assert both.shape == (2, 30, 12)
    assert (both[0, :, :8] == embeddings).all()
    assert (both[0, :, 8:] == 0).all()
    full = reduce_words(words, 30, 0)
    cosines = words @ words.T / np.outer(*[np.linalg.norm(words, axis=1)] * 2)
    np.testing.assert_allclose(full @ full.T, cosines, atol=1e-4)


def test_needs_words(problem):
    from noisefix.errors import DataError

    data = replace(problem.data, word_features=None)
    with pytest.raises(DataError, match="needs word_features"):
        finish(noiseal.fit(data, noiseal.Params(), seed=0, device="cpu"))
