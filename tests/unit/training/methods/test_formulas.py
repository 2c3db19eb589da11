"""The loss or update of every shorter method, against its formula worked out in NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from noisefix.probing.complementary import complementary_matrix
from noisefix.training import head_training
from noisefix.training.class_shares import class_weights
from noisefix.training.interface import finish
from noisefix.training.methods import (
    ce,
    coteaching,
    cpc,
    elr,
    gce,
    ill,
    ldr,
    prune,
    repair,
    sce,
)
from noisefix.training.objective import Batch

K, N = 4, 40
ROWS = np.array([3, 17, 0, 25, 31, 8])
LOGITS = np.random.default_rng(5).normal(scale=2, size=(1, len(ROWS), K))
P, LOG_P = softmax(LOGITS[0], axis=1), log_softmax(LOGITS[0], axis=1)


@pytest.fixture(scope="module")
def data(make_problem):
    """Rows of four classes, one of them given too often, so that class weights differ."""
    given = make_problem(0.5 * np.eye(K) + np.eye(K)[[0] * K] / 2, n_rows=N, seed=2).data
    assert (np.bincount(given.given_labels[ROWS], minlength=K) > 0).sum() > 2
    return given


def make_batch(logits=LOGITS, rows=ROWS, *, progress=1.0) -> Batch:
    features = torch.zeros(len(rows), 1)
    rng = np.random.default_rng(0)
    return Batch(
        torch.tensor(rows), features, torch.tensor(logits).float(), progress, lambda x: x, rng
    )


def objective_of(method, data, monkeypatch, **options):
    """Return the objective that a method hands to the training loop."""
    kept = []

    def train_heads(data, params, objective, **rest):
        kept.append(objective)

    monkeypatch.setattr(head_training, "train_heads", train_heads)
    method.fit(data, method.Params(**options), seed=0, device="cpu")
    return kept[0]


def loss_of(method, data, monkeypatch, **options) -> float:
    return float(objective_of(method, data, monkeypatch, **options).loss(make_batch()))


def weighted_mean(data, rows: np.ndarray, strength: float) -> float:
    given = data.given_labels[ROWS]
    return float((class_weights(data, strength)[given] * rows).mean())


OWN = np.arange(len(ROWS))


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_ce(data, monkeypatch, strength):
    given = data.given_labels[ROWS]
    wanted = weighted_mean(data, -LOG_P[OWN, given], strength)
    found = loss_of(ce, data, monkeypatch, share_strength=strength)
    assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_gce(data, monkeypatch, strength):
    p = P[OWN, data.given_labels[ROWS]]
    wanted = weighted_mean(data, (1 - p**0.7) / 0.7, strength)
    found = loss_of(gce, data, monkeypatch, share_strength=strength, ramp=0.0)
    assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(("progress", "q"), [(0.0, 0.0), (0.25, 0.35), (0.5, 0.7), (1.0, 0.7)])
def test_gce_begins_as_cross_entropy(data, monkeypatch, progress, q):
    p = P[OWN, data.given_labels[ROWS]]
    wanted = weighted_mean(data, (1 - p**q) / q if q else -np.log(p), 0.0)
    objective = objective_of(gce, data, monkeypatch)
    found = float(objective.loss(replace(make_batch(), progress=progress)))
    assert found == pytest.approx(wanted, rel=1e-5)


def test_gce_pulls_as_cross_entropy_does_times_p_to_the_q(data, monkeypatch):
    logits = torch.tensor(LOGITS).float().requires_grad_()
    objective_of(gce, data, monkeypatch, q=0.6, ramp=0.0).loss(
        replace(make_batch(), logits=logits)
    ).backward()
    given = data.given_labels[ROWS]
    cross_entropy = (P - np.eye(K)[given]) / len(ROWS)
    wanted = P[OWN, given][:, None] ** 0.6 * cross_entropy
    np.testing.assert_allclose(logits.grad[0], wanted, atol=1e-6)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_sce(data, monkeypatch, strength):
    q = np.eye(K)[data.given_labels[ROWS]]
    log_q = np.where(q > 0, 0.0, -5.0)  # log 0 counts as A
    rows = -0.3 * (q * LOG_P).sum(axis=1) - 0.8 * (P * log_q).sum(axis=1)
    found = loss_of(
        sce, data, monkeypatch, alpha=0.3, beta=0.8, log_zero=-5.0, share_strength=strength
    )
    assert found == pytest.approx(weighted_mean(data, rows, strength), rel=1e-5)


def test_defaults_are_those_of_the_papers():
    assert gce.Params().q == 0.7
    assert (sce.Params().alpha, sce.Params().beta) == (0.1, 1.0)
    assert elr.Params().beta == 0.7
    assert (coteaching.Params().forget_rate, coteaching.Params().ramp) == (None, 10)
    assert cpc.Params().temperature == 0.5
    assert ldr.Params().alpha == 2.0


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_elr_over_three_looks_at_the_same_rows(data, strength):
    params = elr.Params(strength=3.0, ramp=0.5, beta=0.6, share_strength=strength)
    objective = elr.EarlyLearning(data, params, "cpu")
    averages = np.zeros((len(ROWS), K))
    given = data.given_labels[ROWS]
    for progress, scale in ((0.0, 1.0), (0.25, 0.5), (0.8, -1.0)):
        logits = scale * LOGITS
        p, log_p = softmax(logits[0], axis=1), log_softmax(logits[0], axis=1)
        averages = 0.6 * averages + 0.4 * p
        ramp_up = np.exp(-5 * (1 - min(progress / 0.5, 1)) ** 2)
        weight = class_weights(data, strength)[given]
        inner = (p * averages).sum(axis=1)
        wanted = (-weight * log_p[OWN, given] + 3.0 * ramp_up * np.log(1 - inner)).mean()
        found = objective.loss(make_batch(logits, progress=progress))
        # The probabilities that are averaged are kept within 1e-4 and 1 - 1e-4.
        assert float(found) == pytest.approx(wanted, abs=2e-3)
    np.testing.assert_allclose(objective.averages[ROWS], averages, atol=1e-3)


def test_elr_steers_wrong_rows_away_from_their_label(data):
    """Lemma 2: what a right row pulls at its class grows, what a wrong one pulls off it shrinks."""
    objective = elr.EarlyLearning(data, elr.Params(strength=3.0, ramp=0.0), "cpu")
    true = np.array([1, 2])
    rows = np.flatnonzero(data.given_labels == 1)[:1].tolist()
    rows += np.flatnonzero(data.given_labels == 0)[:1].tolist()  # the second row's label is wrong
    logits = torch.tensor(4 * np.eye(K)[true][None]).float()
    for _ in range(20):  # what the model held early
        objective.loss(replace(make_batch(), rows=torch.tensor(rows), logits=logits))
    logits.requires_grad_()
    objective.loss(replace(make_batch(), rows=torch.tensor(rows), logits=logits)).backward()
    p = softmax(logits.detach().numpy()[0], axis=1)
    plain = (p - np.eye(K)[data.given_labels[rows]]) / 2
    assert logits.grad[0, 0, 1] < 2 * plain[0, 1] < 0  # a right row pulls more than it would
    assert abs(logits.grad[0, 1, 2]) < 0.5 * plain[1, 2]  # a wrong one less


def test_coteaching_keeps_the_papers_share_and_exchanges(data):
    params = coteaching.Params(ramp=4, forget_rate=0.5)
    objective = coteaching.CoTeaching(data, params, "cpu")
    logits = np.random.default_rng(9).normal(scale=2, size=(2, len(ROWS), K))
    given = data.given_labels[ROWS]
    losses = -log_softmax(logits, axis=2)[:, OWN, given]
    for epoch in range(6):
        objective.start_epoch(epoch, lambda: None)
        remembered = 1 - min((epoch + 1) / 4, 1) * 0.5  # R(T), T = 1, 2, ..
        count = round(remembered * len(ROWS))
        small = np.argsort(losses, axis=1)[:, :count]
        wanted = losses[0, small[1]].mean() + losses[1, small[0]].mean()
        found = float(objective.loss(make_batch(logits)))
        assert found == pytest.approx(wanted, rel=1e-5), epoch


def test_prune_counts_flagged_rows_by_their_probability_of_being_right(data, monkeypatch):
    flagged = data.given_labels != data.true_label_probs.argmax(axis=1)
    assert 0 < flagged.sum() < N / 2
    assert flagged[ROWS].any()
    weights = np.where(flagged, 1 - data.p_error, 1.0)[ROWS]
    losses = -LOG_P[OWN, data.given_labels[ROWS]] * weights
    by_share = class_weights(data, prune.Params().share_strength)[data.given_labels[ROWS]]
    found = loss_of(prune, data, monkeypatch, least_share=0.0)
    assert found == pytest.approx((losses * by_share).mean(), rel=1e-5)
    dropped = objective_of(prune, data, monkeypatch, least_share=0.0, is_soft=False).rows
    assert dropped.tolist() == np.flatnonzero(~flagged).tolist()


def test_repair_is_cross_entropy_towards_the_estimates(data, monkeypatch):
    probs = np.random.default_rng(3).dirichlet(np.ones(K), size=N)
    soft = replace(data, true_label_probs=probs, is_issue=np.ones(N, dtype=bool))
    found = loss_of(repair, soft, monkeypatch)
    assert found == pytest.approx(-(probs[ROWS] * LOG_P).sum(axis=1).mean(), rel=1e-5)
    hard = probs[ROWS].argmax(axis=1)
    found = loss_of(repair, soft, monkeypatch, is_soft=False)
    assert found == pytest.approx(-LOG_P[OWN, hard].mean(), rel=1e-5)


def test_repair_flattens_by_the_classes_means(data):
    probs = np.random.default_rng(3).dirichlet([4, 2, 1, 1], size=N)
    flagged = replace(data, true_label_probs=probs, is_issue=np.ones(N, dtype=bool))
    found = repair.repaired_targets(flagged, flatten=0.5)
    for i in range(N):
        divided = [probs[i, k] / np.sqrt(probs[:, k].mean()) for k in range(K)]
        np.testing.assert_allclose(found[i], np.array(divided) / sum(divided), rtol=1e-5)


def test_repair_trains_on_rows_with_a_target_only(data, monkeypatch):
    given, repaired = data.given_labels.copy(), data.given_labels.copy()
    given[:4], repaired[:4], repaired[4:7] = -1, -1, -1
    left = replace(data, given_labels=given, repaired_labels=repaired)
    rows = objective_of(repair, left, monkeypatch).rows
    assert rows.tolist() == list(range(7, N))


def test_ill_m_step_counts_the_posterior(data):
    data = replace(data, is_issue=np.ones(N, dtype=bool))  # the others keep their label
    objective = ill.Imprecise(data, ill.Params(warm_epochs=0, prior_rows=7.0), "cpu")
    logits = np.random.default_rng(1).normal(size=(1, N, K))
    before = objective.transition.numpy().astype(float).copy()
    p = softmax(logits[0], axis=1)
    objective.start_epoch(0, lambda: torch.tensor(logits).float())
    given, rate = data.given_labels, data.noise_rate
    candidates = np.maximum(data.candidate_weights, 0.2 * np.eye(K)[given])
    posterior = candidates * p * before[:, given].T
    posterior /= posterior.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(objective.targets, posterior, atol=1e-5)
    counts = np.where(np.eye(K) > 0, 1 - rate, rate / (K - 1)) * 7.0
    for i in range(N):
        counts[:, given[i]] += posterior[i]
    wanted = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(objective.transition, wanted, atol=1e-5)
    found = float(objective.loss(make_batch()))
    assert found == pytest.approx(-(posterior[ROWS] * LOG_P).sum(axis=1).mean(), rel=1e-4)


def test_ill_hears_what_was_ruled_out(data):
    out = np.ones((N, K), np.float32)
    out[ROWS[0]] = complementary_matrix(K, 0.0)[:, 2] * (K - 1)
    out[ROWS[1]] = complementary_matrix(K)[:, data.given_labels[ROWS[1]]] * (K - 1)
    data = replace(data, is_issue=np.ones(N, dtype=bool))
    plain = ill.Imprecise(data, ill.Params(), "cpu")
    objective = ill.Imprecise(replace(data, not_likelihood=out), ill.Params(), "cpu")
    before = objective.transition.numpy().astype(float).copy()
    losses = plain.row_losses(make_batch()).numpy()[0].copy()
    given = data.given_labels[ROWS]
    candidates = np.maximum(data.candidate_weights[ROWS], 0.2 * np.eye(K)[given])
    said = candidates * out[ROWS] * before[:, given].T
    losses[:2] = -np.log((P * said).sum(axis=1))[:2]
    np.testing.assert_allclose(objective.row_losses(make_batch())[0], losses, rtol=1e-4)
    assert objective.targets[ROWS[0], 2] == 0


def test_ill_without_rejections_is_as_it_was(data):
    for nothing in (None, np.ones((N, K), np.float32)):
        objective = ill.Imprecise(replace(data, not_likelihood=nothing), ill.Params(), "cpu")
        plain = ill.Imprecise(data, ill.Params(), "cpu")
        torch.testing.assert_close(objective.targets, plain.targets)
        torch.testing.assert_close(
            objective.row_losses(make_batch()), plain.row_losses(make_batch())
        )


def test_ill_where_everything_is_ruled_out_keeps_what_it_had(data):
    out = np.zeros((N, K), np.float32)
    out[:, 0] = 1e-9
    out[ROWS[0]] = 0
    weights = np.eye(K)[np.full(N, 1)]
    flagged = np.ones(N, dtype=bool)
    data = replace(data, candidate_weights=weights, is_issue=flagged, not_likelihood=out)
    objective = ill.Imprecise(data, ill.Params(), "cpu")
    assert np.isfinite(objective.row_losses(make_batch()).numpy()).all()
    assert np.isfinite(objective.targets.numpy()).all()


def test_ill_learns_from_what_rows_are_not(make_problem):
    """Rows without any label, of each of which half of the classes are ruled out, teach a lot."""
    problem = make_problem(np.eye(6), n_rows=600, n_features=12, spread=0.3, seed=1)
    rng = np.random.default_rng(0)
    given = np.where(np.arange(600) < 12, problem.true_labels, -1)
    out = np.ones((600, 6), np.float32)
    matrix = complementary_matrix(6, 0.0)
    for row in range(12, 600):
        for label in rng.permutation(np.delete(np.arange(6), problem.true_labels[row]))[:3]:
            out[row] *= matrix[:, label] * 5
    flat = replace(
        problem.data,
        given_labels=given,
        candidate_weights=np.full((600, 6), 1 / 6),
        is_issue=None,
        p_error=None,
        true_label_probs=None,
    )
    scores = []
    for data in (flat, replace(flat, not_likelihood=out)):
        fitted = finish(ill.fit(data, ill.Params(epochs=8), seed=0, device="cpu"))
        scores.append(problem.accuracy(fitted))
    assert scores[1] > scores[0] + 0.03
    assert scores[1] > 0.9


def test_ill_learns_what_the_noise_does(make_problem):
    """With a model that knows p(y | x), EM finds the noise matrix, from rows without the truth."""
    matrix = np.array([[0.9, 0.1, 0, 0], [0, 0.6, 0.4, 0], [0, 0, 1.0, 0], [0.3, 0, 0, 0.7]])
    problem = make_problem(matrix, n_rows=4000)
    uniform = np.full((4000, K), 1 / K)
    blank = replace(problem.data, candidate_weights=uniform)
    objective = ill.Imprecise(blank, ill.Params(warm_epochs=0, given_weight=0.0), "cpu")
    known = 0.9 * np.eye(K)[problem.true_labels] + 0.1 / K
    logits = torch.tensor(np.log(known)[None]).float()
    for _ in range(100):
        objective.start_epoch(0, lambda: logits)
    assert np.abs(objective.transition.numpy() - matrix).max() < 0.1


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_ldr(data, monkeypatch, strength):
    given = data.given_labels[ROWS]
    logits = LOGITS[0] / np.maximum(np.abs(LOGITS[0]).mean(axis=1, keepdims=True), 1)
    alpha, rows = 3.0 * np.log(K) / 2.0, []
    for f, y in zip(logits, given, strict=True):
        lead = f - f[y] + 0.2 * (np.arange(K) != y)
        scale = 2.0
        for _ in range(2):
            p = softmax(lead / scale)
            scale = 2.0 - (p * np.log(K * p)).sum() / alpha
        p = softmax(lead / scale)
        value = p @ lead - scale * (p * np.log(K * p)).sum()
        rows.append(value - alpha / 2 * (scale - 2.0) ** 2)
    found = loss_of(
        ldr, data, monkeypatch, alpha=3.0, temperature=2.0, margin=0.2, share_strength=strength
    )
    assert found == pytest.approx(weighted_mean(data, np.array(rows), strength), rel=1e-5)


def test_ldr_lets_a_contradicting_row_pull_less_the_higher_the_temperature(data, monkeypatch):
    """The gradient of a row that the model is sure is mislabelled, next to cross-entropy's."""
    given = data.given_labels[ROWS]
    sure = torch.tensor(9 * np.eye(K)[(given + 1) % K][None]).float()
    pulls = []
    for temperature in (0.1, 1.0, 10.0):
        logits = sure.clone().requires_grad_()
        batch = replace(make_batch(), logits=logits)
        objective = objective_of(ldr, data, monkeypatch, temperature=temperature)
        objective.loss(batch).backward()
        pulls.append(float(logits.grad.norm()))
    assert pulls[0] > pulls[1] > pulls[2]


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_cpc_refines_clean_rows_and_guesses_the_others(data, monkeypatch, temperature):
    clean = np.random.default_rng(7).random(N)
    data = replace(data, p_error=None)  # else it would bound them
    monkeypatch.setattr(cpc, "class_clean_probs", lambda *args: clean)
    params = cpc.Params(warm_epochs=1, temperature=temperature, share_strength=1.0)
    objective = cpc.Cleaner(data, params, "cpu")
    logits = np.random.default_rng(8).normal(size=(1, N, K))
    objective.start_epoch(0, lambda: pytest.fail("looked before the warm-up was over"))
    np.testing.assert_allclose(objective.targets, np.eye(K)[data.given_labels])
    objective.start_epoch(1, lambda: torch.tensor(logits).float())
    wanted, p = np.zeros((N, K)), softmax(logits[0], axis=1)
    for i, w in enumerate(clean):
        label = np.eye(K)[data.given_labels[i]]
        target = w * label + (1 - w) * p[i] if w > 0.5 else p[i]
        wanted[i] = target ** (1 / temperature) / (target ** (1 / temperature)).sum()
    np.testing.assert_allclose(objective.targets, wanted, atol=1e-6)
    found = float(objective.loss(make_batch()))
    rows = -(wanted[ROWS] * LOG_P).sum(axis=1)
    assert found == pytest.approx(weighted_mean(data, rows, 1.0), rel=1e-5)


def test_cpc_holds_no_more_rows_for_wrong_than_detect_expects(data, monkeypatch):
    monkeypatch.setattr(cpc, "class_clean_probs", lambda *args: np.full(N, 0.2))
    logits = np.random.default_rng(8).normal(size=(1, N, K))

    def share_clean(p_error):
        told = replace(data, p_error=p_error)
        objective = cpc.Cleaner(told, cpc.Params(warm_epochs=0), "cpu")
        objective.start_epoch(0, lambda: torch.tensor(logits).float())
        return objective.share_clean

    assert share_clean(None) == pytest.approx(0.2)
    assert share_clean(np.full(N, 0.1)) == pytest.approx(0.9)
    assert share_clean(np.full(N, 0.95)) == pytest.approx(0.2)


def test_cpc_looks_at_the_losses_of_the_given_labels(data, monkeypatch):
    seen = []

    def clean_probs(losses, labels, n_classes):
        seen.append((losses, labels, n_classes))
        return np.ones(N)

    monkeypatch.setattr(cpc, "class_clean_probs", clean_probs)
    logits = np.random.default_rng(8).normal(size=(1, N, K))
    objective = cpc.Cleaner(data, cpc.Params(warm_epochs=0), "cpu")
    objective.start_epoch(0, lambda: torch.tensor(logits).float())
    losses, labels, n_classes = seen[0]
    wanted = -log_softmax(logits[0], axis=1)[np.arange(N), data.given_labels]
    np.testing.assert_allclose(losses, wanted, rtol=1e-5)
    assert (labels == data.given_labels).all()
    assert n_classes == K


def test_unlabelled_rows_have_the_candidates_alone(data):
    given = data.given_labels.copy()
    given[:5] = -1
    objective = ill.Imprecise(replace(data, given_labels=given), ill.Params(), "cpu")
    np.testing.assert_allclose(objective.targets[:5], data.candidate_weights[:5], atol=1e-6)
