"""The judging's parts against closed forms, scikit-learn, scipy and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture

from noisefix.probing.error_model import ERROR_MODEL, estimate_errors
from noisefix.probing.hypotheses import Evidence, Hypotheses, judge
from noisefix.probing.label_names import name_view
from noisefix.probing.latent_classes import fit_latent_classes
from noisefix.probing.pooling import divide_by_shares


def test_the_prior_correction_is_bayes_rule() -> None:
    """Posteriors under one prior, corrected, are the posteriors under another."""
    rng = np.random.default_rng(0)
    old, new = np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.2, 0.6])
    means = np.array([[0, 0], [2, 0], [0, 2]])
    true = rng.choice(3, 20_000, p=old)
    points = means[true] + rng.normal(size=(len(true), 2))
    density = np.stack([multivariate_normal(m).pdf(points) for m in means], axis=1)

    def posterior(prior: np.ndarray) -> np.ndarray:
        return density * prior / (density @ prior)[:, None]

    exact = divide_by_shares(posterior(old), prior=new, shares=old)
    np.testing.assert_allclose(exact, posterior(new), atol=1e-4)
    estimated = divide_by_shares(posterior(old), prior=new)  # shares: the mean posterior
    np.testing.assert_allclose(estimated, posterior(new), atol=0.01)


def clusters(true: np.ndarray, spread: float, n_features: int = 20) -> np.ndarray:
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(int(true.max()) + 1, n_features))
    return np.asarray(
        centres[true] + spread * rng.normal(size=(len(true), n_features)), dtype=np.float32
    )


def test_latent_classes_of_right_labels_are_those_of_discriminant_analysis() -> None:
    true = np.repeat([0, 1, 2, 3], [500, 300, 150, 50])
    rows = clusters(true, 0.8)
    fit = fit_latent_classes(rows, true, 4)
    lda = LinearDiscriminantAnalysis(solver="lsqr").fit(rows, true)
    np.testing.assert_allclose(fit.shares, lda.priors_, atol=0.003)
    np.testing.assert_allclose(fit.shares, lda.predict_proba(rows).mean(axis=0), atol=0.003)


def test_latent_classes_find_what_a_gaussian_mixture_finds() -> None:
    """Noise: a third of class 2 given 0. The mixture knows no labels but where to start."""
    rng = np.random.default_rng(2)
    true = rng.choice(3, 3000, p=[0.5, 0.2, 0.3])
    given = np.where((true == 2) & (rng.random(3000) < 1 / 3), 0, true)
    rows = clusters(true, 0.7)
    fit = fit_latent_classes(rows, given, 3)
    points = PCA(20).fit_transform(rows)
    means = np.stack([points[given == k].mean(axis=0) for k in range(3)])
    mixture = GaussianMixture(3, covariance_type="tied", means_init=means, random_state=0)
    found = mixture.fit(points).predict_proba(points)
    np.testing.assert_allclose(fit.shares, mixture.weights_, atol=0.01)
    counts = found.T @ np.eye(3)[given]
    matrix = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fit.transition_matrix, matrix, atol=0.01)


def test_the_slope_of_the_names_is_that_of_logistic_regression() -> None:
    rng = np.random.default_rng(3)
    names = rng.normal(size=(2, 12))
    names /= np.linalg.norm(names, axis=1, keepdims=True)
    true = (rng.random(2000) < 0.15).astype(int)
    rows = names[true] + 0.5 * rng.normal(size=(2000, 12))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    given = np.where(rng.random(2000) < 0.15, 1 - true, true)
    view = name_view(rows.astype(np.float32), names.astype(np.float32), given)
    similarity = rows @ names.T
    scaled = (similarity - similarity.mean(axis=0)) / similarity.std(axis=0)
    difference = scaled[:, 1:] - scaled[:, :1]
    regression = LogisticRegression(C=1e6, tol=1e-8).fit(difference, given)
    assert view.slope == pytest.approx(regression.coef_[0, 0], rel=0.01)
    own = regression.predict_proba(difference)[np.arange(2000), given]
    shares = np.bincount(given) / 2000
    gain = 1 - np.log(own).mean() / (shares * np.log(shares)).sum()
    assert view.gain == pytest.approx(gain, abs=0.002)
    np.testing.assert_allclose(view.probs[:, 1], expit(view.slope * difference[:, 0]), atol=1e-4)


@pytest.fixture(scope="module")
def judged() -> tuple[Hypotheses, np.ndarray]:
    rng = np.random.default_rng(4)
    pooled = rng.dirichlet([1.2, 0.6, 0.4], 250)
    given = np.array([rng.choice(3, p=p) for p in pooled])
    return judge(Evidence(pooled, given), np.array(ERROR_MODEL.weights)), given


def design(hypotheses: Hypotheses, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return base log-odds, design matrix of the shifts, and the shifts' standard deviations."""
    base = hypotheses.log_odds @ np.array(ERROR_MODEL.weights) + ERROR_MODEL.offset(0.0)
    centred = hypotheses.log_odds - hypotheses.log_odds.mean(axis=0)
    matrix = np.column_stack([np.ones(len(given)), centred, np.eye(3)[given]])
    spread = [ERROR_MODEL.intercept_sd, *ERROR_MODEL.weights_sd, *[ERROR_MODEL.class_sd] * 3]
    return base, matrix, np.array(spread)


def likely_instead(hypotheses: Hypotheses, given: np.ndarray, verified: np.ndarray) -> np.ndarray:
    """Return (N, 3) P(true label | given label wrong), learned by a plain optimiser."""
    wrong = np.flatnonzero((verified >= 0) & (verified != given))
    logits = hypotheses.label_logits.astype(np.float64)
    logits[np.arange(len(given)), given] = -1e9

    def with_factors(factors: np.ndarray) -> np.ndarray:
        return logits + factors[:3] + factors[3:].reshape(3, 3)[given]

    def loss(factors: np.ndarray) -> float:
        log_probs = log_softmax(with_factors(factors)[wrong], axis=1)
        own = log_probs[np.arange(len(wrong)), verified[wrong]].sum()
        return float(
            0.5 * ((factors[:3]) ** 2).sum() + 0.5 * ((factors[3:] / 0.7) ** 2).sum() - own
        )

    best = minimize(loss, np.zeros(12), method="BFGS", options={"gtol": 1e-6}).x
    likely: np.ndarray = softmax(with_factors(best), axis=1)
    return likely


def learned_design(
    hypotheses: Hypotheses, given: np.ndarray, verified: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``design`` with a shift for each class that may be right instead."""
    base, matrix, spread = design(hypotheses, given)
    instead = likely_instead(hypotheses, given, verified)
    joined = np.column_stack([matrix, instead - instead.mean(axis=0)])
    return base, joined, np.append(spread, [ERROR_MODEL.true_class_sd] * 3)


@pytest.mark.parametrize("n_verified", [1, 30, 200])
@pytest.mark.parametrize("share_wrong", [0.0, 0.3, 1.0])
def test_what_is_learned_is_what_a_plain_optimiser_learns(
    judged: tuple[Hypotheses, np.ndarray], n_verified: int, share_wrong: float
) -> None:
    hypotheses, given = judged
    rng = np.random.default_rng(5)
    rows = np.sort(rng.permutation(len(given))[:n_verified])
    wrong = rng.random(n_verified) < share_wrong
    verified = np.full(len(given), -1)
    verified[rows] = np.where(wrong, (given[rows] + 1) % 3, given[rows])
    base, matrix, spread = learned_design(hypotheses, given, verified)

    def loss(shift: np.ndarray) -> float:
        z = base[rows] + matrix[rows] @ shift
        return float((np.logaddexp(0, z) - wrong * z).sum() + 0.5 * ((shift / spread) ** 2).sum())

    best = minimize(loss, np.zeros(11), method="BFGS", options={"gtol": 1e-6}).x
    found = estimate_errors(hypotheses, given, verified_labels=verified)
    others = np.setdiff1d(np.arange(len(given)), rows)
    p_error = expit(base + matrix @ best)[others]
    np.testing.assert_allclose(found.p_error[others], p_error, atol=2e-4)
    instead = likely_instead(hypotheses, given, verified)[others] * p_error[:, None]
    instead[np.arange(len(others)), given[others]] = 1 - p_error
    np.testing.assert_allclose(found.true_label_probs[others], instead, atol=5e-4)


def test_the_interval_is_that_of_brute_force(judged: tuple[Hypotheses, np.ndarray]) -> None:
    hypotheses, given = judged
    base, matrix, spread = design(hypotheses, given)
    rng = np.random.default_rng(6)
    rates: list[list[float]] = [[], [], [], []]
    for _ in range(6000):
        p = expit(base + matrix @ (spread * rng.normal(size=8)))
        drawn = rng.integers(0, len(given), len(given))  # the plain bootstrap
        rates[3].append(p[drawn].mean())
        for label in range(3):
            rates[label].append(p[drawn][given[drawn] == label].mean())
    found = estimate_errors(hypotheses, given)
    for interval, sampled in zip((*found.class_noise_rates, found.noise_rate), rates, strict=True):
        low, high = np.quantile(sampled, [0.05, 0.95])
        assert interval.low == pytest.approx(low, abs=0.03)
        assert interval.high == pytest.approx(high, abs=0.05)


def test_the_interval_after_learning_is_that_of_the_posterior(
    judged: tuple[Hypotheses, np.ndarray],
) -> None:
    """Importance sampling from the prior, weighted by how likely the verified rows are."""
    hypotheses, given = judged
    rng = np.random.default_rng(7)
    rows = rng.permutation(len(given))[:12]
    wrong = np.arange(12) < 5
    verified = np.full(len(given), -1)
    verified[rows] = np.where(wrong, (given[rows] + 1) % 3, given[rows])
    base, matrix, spread = learned_design(hypotheses, given, verified)
    shifts = spread * rng.normal(size=(40_000, 11))
    z = base[rows, None] + matrix[rows] @ shifts.T
    weight = np.exp(-(np.logaddexp(0, z) - wrong[:, None] * z).sum(axis=0))
    p = expit(base[:, None] + matrix @ shifts.T)
    p[rows] = wrong[:, None]
    rates = p.mean(axis=0)
    order = np.argsort(rates)
    cumulated = np.cumsum(weight[order]) / weight.sum()
    low, high = (rates[order][np.searchsorted(cumulated, q)] for q in (0.05, 0.95))
    found = estimate_errors(hypotheses, given, verified_labels=verified).noise_rate
    assert found.low == pytest.approx(low, abs=0.04)
    assert found.high == pytest.approx(high, abs=0.04)
