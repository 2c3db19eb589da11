from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from noisefix.errors import ModelError, UsageError
from noisefix.training.branch_penalty import choose_branch_penalty
from noisefix.training.diffusion.classifier import SidypClassifier
from noisefix.training.diffusion.denoiser import denoise, read_dynamics
from noisefix.training.diffusion.fitting import DenoiserParams
from noisefix.training.diffusion.sampling import ReverseProcess, draw_noise, read_posterior
from noisefix.training.diffusion.schedule import cosine_alphas_cumprod, inference_timesteps
from noisefix.training.interface import finish
from noisefix.training.methods import ce
from noisefix.training.methods.sidyp import Params, fit
from noisefix.training.registry import METHODS, load_classifier_class
from noisefix.training.stage_one import BranchParams

SMALL = Params(
    epochs=5,
    branches=BranchParams(min_steps=20, batch_size=64, hidden=8, penalty=0.0),
    denoiser=DenoiserParams(min_steps=60, batch_size=64, hidden=16, learning_rate=5e-3),
    process=ReverseProcess(n_timesteps=50, n_steps=5),
    n_samples=4,
)
COLLAPSED = [[0.95, 0.05, 0.0], [0.65, 0.35, 0.0], [0.1, 0.0, 0.9]]
"""Labels collapse into the first class, so that a plain classifier says it too often."""


@pytest.fixture(scope="module")
def problem(make_problem):
    return make_problem(COLLAPSED, n_rows=400)


@pytest.fixture(scope="module")
def trained(problem):
    return finish(fit(problem.data, SMALL, seed=0, device="cpu"))


class MemoryCheckpoint:
    """Keeps what was saved last; dies after a number of saves."""

    def __init__(self, dies_after=10**9):
        self.saved, self.left = None, dies_after

    def load(self):
        return self.saved

    def save(self, tensors, facts):
        self.saved = ({k: v.copy() for k, v in tensors.items()}, dict(facts))
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_it_finds_what_plain_training_misses(problem, trained):
    plain = finish(ce.fit(problem.data, ce.Params(), seed=0, device="cpu"))
    assert problem.accuracy(trained) > problem.accuracy(plain) + 0.1
    given = trained.predict_given_probs(problem.test_features).argmax(axis=1)
    diffused = problem.accuracy(trained)
    assert diffused > (given == problem.test_labels).mean() + 0.1  # not below its own classifier


def test_the_denoiser_learns_what_a_given_label_means(make_problem):
    """Texts tell nothing here: p(label | row, given label) is a row of a known matrix."""
    means = np.array([[0.6, 0.3, 0.1], [0.1, 0.5, 0.4], [0.3, 0.2, 0.5]])
    rng = np.random.default_rng(0)
    given = rng.integers(0, 3, 400)
    data = replace(
        make_problem(np.eye(3), n_rows=400).data,
        features=0.01 * rng.normal(size=(400, 8)).astype(np.float32),
        given_labels=given,
        true_label_probs=means[given],
        p_error=1 - means[given, given],
        is_issue=np.ones(400, bool),
    )
    denoiser = replace(SMALL.denoiser, n_samples=0)  # the prior stays where it is
    params = replace(SMALL, denoiser=denoiser)
    model = finish(fit(data, params, seed=0, device="cpu"))
    ((_, chains, _),) = model._blocks(np.zeros((1, 8), np.float32))
    found = read_posterior(chains).mean(0)[0]  # (G, K)
    np.testing.assert_allclose(found, means, atol=0.12)


def test_the_penalty_of_the_branches_is_chosen_and_told(problem):
    params = replace(SMALL, epochs=1, branches=replace(SMALL.branches, penalty=None))
    steps = []
    finish(fit(problem.data, params, seed=0, device="cpu"), steps.append)
    chosen = choose_branch_penalty(problem.data, params.branches, epochs=1, device="cpu")
    assert steps[-1].metrics["penalty"] == chosen
    finish(fit(problem.data, replace(SMALL, epochs=1), seed=0, device="cpu"), steps.append)
    assert steps[-1].metrics["penalty"] == 0


def looped(model, features):
    """The prediction with nested loops over branches, given labels, samples and steps."""
    k, process = model.n_classes, model.process
    noise = draw_noise([model.seed, 4], process.n_steps, model.n_samples, k, "cpu")
    alphas = torch.from_numpy(cosine_alphas_cumprod(process.n_timesteps)).float()
    timesteps = inference_timesteps(process.n_timesteps, process.n_steps)
    dynamics, given_probs = model.branches.look(torch.from_numpy(features))
    n_branches, n_rows = given_probs.shape[:2]
    value = process.simplex_value
    total = np.zeros((n_rows, k))
    for m in range(n_branches):
        weights = {name: array[m : m + 1] for name, array in model._weights.items()}
        context = read_dynamics(weights, dynamics[m : m + 1])
        for g in range(k):
            given = torch.full((1, n_rows, 1), g)
            for s in range(model.n_samples):
                x = np.tile(value * noise.normals[0, s].numpy(), (n_rows, 1))
                for i, t in enumerate(timesteps):
                    abar = float(alphas[t])
                    noisy = torch.from_numpy(x).float()[None, :, None, None]
                    step = torch.tensor(int(t))
                    logits = denoise(weights, noisy, given, step, alphas, context, value)
                    logits = logits[0, :, 0, 0].double().numpy()
                    own = logits - 2 * np.sqrt(abar) / ((1 - abar) * value) * x
                    own = np.exp(own - own.max(axis=1, keepdims=True))
                    own /= own.sum(axis=1, keepdims=True)
                    share = (1 - abar) / (1 - alphas[timesteps].numpy()).sum() / model.n_samples
                    p_given = given_probs[m, :, g].numpy()[:, None]
                    total += share * own * p_given / n_branches
                    if i + 1 == len(timesteps):
                        break
                    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
                    probs /= probs.sum(axis=1, keepdims=True)
                    u = float(noise.uniforms[i, s])
                    label = np.minimum((probs.cumsum(axis=1) <= u).sum(axis=1), k - 1)
                    clean = np.where(np.arange(k) == label[:, None], value, -value)
                    after = float(alphas[timesteps[i + 1]])
                    x = np.sqrt(after) * clean
                    x = x + np.sqrt(1 - after) * value * noise.normals[i + 1, s].numpy()
    return total


def test_batched_prediction_equals_the_nested_loops(problem, trained):
    features = problem.test_features[:40]
    found = trained.predict_probs(features)
    np.testing.assert_allclose(found, looped(trained, features), atol=2e-3)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_a_row_is_predicted_the_same_beside_other_rows(problem, trained):
    together = trained.predict_probs(problem.test_features[:50])
    alone = np.concatenate(
        [trained.predict_probs(problem.test_features[i : i + 1]) for i in (0, 9)]
    )
    np.testing.assert_allclose(alone, together[[0, 9]], atol=1e-4)
    assert trained.predict_probs(problem.test_features[:0]).shape == (0, 3)


def test_few_given_labels_stand_for_the_sum(problem, trained):
    whole = trained.predict_probs(problem.test_features)
    trained.n_given = 2
    part = trained.predict_probs(problem.test_features)
    trained.n_given = 20
    np.testing.assert_allclose(part.sum(axis=1), 1, rtol=1e-5)
    assert (part.argmax(axis=1) == whole.argmax(axis=1)).mean() > 0.95
    assert not np.array_equal(part, whole)


def test_dynamics_that_are_too_many_to_keep_are_computed_anew(problem, monkeypatch):
    params = replace(SMALL, epochs=2)
    kept = finish(fit(problem.data, params, seed=0, device="cpu"))
    monkeypatch.setattr("noisefix.training.diffusion.fitting._KEPT_VALUES", 1)
    anew = finish(fit(problem.data, params, seed=0, device="cpu"))
    features = problem.test_features[:50]
    np.testing.assert_allclose(
        kept.predict_probs(features), anew.predict_probs(features), atol=1e-3
    )


def test_the_same_seed_trains_the_same_model(problem, trained):
    again = finish(fit(problem.data, SMALL, seed=0, device="cpu"))
    other = finish(fit(problem.data, SMALL, seed=1, device="cpu"))
    for name, value in trained.state()[0].items():
        assert np.array_equal(value, again.state()[0][name]), name
    features = problem.test_features[:20]
    assert not np.array_equal(trained.predict_probs(features), other.predict_probs(features))


@pytest.mark.parametrize("n_saves", [2, 7])
def test_a_killed_training_goes_on_to_the_same_result(problem, trained, n_saves):
    checkpoint = MemoryCheckpoint(dies_after=n_saves)
    with pytest.raises(KeyboardInterrupt):
        finish(fit(problem.data, SMALL, seed=0, device="cpu", checkpoint=checkpoint))
    steps = []
    model = finish(
        fit(problem.data, SMALL, seed=0, device="cpu", checkpoint=checkpoint), steps.append
    )
    assert len(steps) == 10 - n_saves
    for name, value in trained.state()[0].items():
        assert np.array_equal(value, model.state()[0][name]), name


def test_state_makes_the_same_classifier(problem, trained):
    arrays, config = trained.state()
    kind = load_classifier_class(trained.kind)
    assert kind is SidypClassifier
    again = kind.from_state(arrays, config)
    features = problem.test_features[:30]
    assert np.array_equal(again.predict_probs(features), trained.predict_probs(features))


@pytest.mark.parametrize("change", ["missing", "shape", "config"])
def test_a_broken_state_is_an_error(trained, change):
    arrays, config = trained.state()
    arrays, config = dict(arrays), dict(config)
    if change == "missing":
        del arrays["denoiser.hidden_gate"]
    elif change == "shape":
        arrays["branches.weight"] = arrays["branches.weight"][:, :-1]
    else:
        del config["n_steps"]
    with pytest.raises(ModelError, match="do not fit together"):
        SidypClassifier.from_state(arrays, config)


def test_a_class_without_a_clean_row_is_learned_from_the_estimate(make_problem):
    """No row is given class 2 rightly, yet rows are predicted as class 2."""
    problem = make_problem([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.5, 0.5, 0.0]], n_rows=400)
    certain = problem.true_labels != 2
    model = finish(fit(replace(problem.data, is_certain=certain), SMALL, seed=0, device="cpu"))
    found = model.predict_probs(problem.test_features).argmax(axis=1)
    assert (found[problem.test_labels == 2] == 2).mean() > 0.6


def test_a_class_that_no_row_was_given(make_problem):
    problem = make_problem(np.eye(3), n_rows=200, shares=[0.5, 0.5, 0.0])
    model = finish(fit(problem.data, SMALL, seed=0, device="cpu"))
    probs = model.predict_probs(problem.test_features)
    assert np.isfinite(probs).all()
    assert (probs.argmax(axis=1) == problem.test_labels).mean() > 0.85


def test_what_the_denoiser_begins_with(problem, monkeypatch):
    """Label weights from the candidates if asked for; certain rows are near *and* undisputed."""

    class EnoughSeen(Exception):  # noqa: N818
        pass

    seen = {}

    def spy(branches, features, given, start, certain, *rest, **options):
        seen.update(start=start, certain=certain)
        raise EnoughSeen

    monkeypatch.setattr("noisefix.training.methods.sidyp.DenoiserRun", spy)
    undisputed = np.arange(400) % 2 == 0
    candidates = np.tile([0.2, 0.3, 0.5], (400, 1))
    data = replace(problem.data, candidate_weights=candidates, is_certain=undisputed)
    with pytest.raises(EnoughSeen):
        finish(fit(data, replace(SMALL, candidate_share=1.0), seed=0, device="cpu"))
    np.testing.assert_allclose(seen["start"], candidates)
    assert not seen["certain"][~undisputed].any()
    near = seen["certain"][undisputed].mean()  # the problem's rows are right with 0.8 at most
    assert 0.3 < near < 0.85


def test_unlabelled_rows_are_left_out(problem, trained):
    n_more = 30
    rng = np.random.default_rng(0)
    data = problem.data
    more = rng.normal(size=(n_more, data.features.shape[1])).astype(np.float32)
    third = np.full((n_more, 3), 1 / 3)
    padded = replace(
        data,
        features=np.concatenate([data.features, more]),
        given_labels=np.concatenate([data.given_labels, np.full(n_more, -1)]),
        p_error=np.concatenate([data.p_error, np.full(n_more, np.nan)]),
        true_label_probs=np.concatenate([data.true_label_probs, third]),
        candidate_weights=np.concatenate([data.candidate_weights, third]),
        is_certain=np.concatenate([data.is_certain, np.zeros(n_more, bool)]),
        is_issue=np.concatenate([data.is_issue, np.zeros(n_more, bool)]),
    )
    model = finish(fit(padded, SMALL, seed=0, device="cpu"))
    for name, value in trained.state()[0].items():
        assert np.array_equal(value, model.state()[0][name]), name


def test_steps_tell_the_phase_and_how_far_the_prior_moved(problem):
    steps = []
    certain = np.arange(400) % 2 == 0
    data = replace(problem.data, is_certain=certain)
    finish(fit(data, SMALL, seed=0, device="cpu"), steps.append)
    assert [step.phase for step in steps] == ["branches"] * 5 + ["diffusion"] * 5
    moved = [step.metrics["prior_changed"] for step in steps[5:]]
    assert moved[0] == 0  # certain rows only
    assert min(moved[1:]) > 0.001
    assert steps[4].loss < steps[0].loss


def test_the_path_of_a_row_ends_nearer_to_a_corner_than_it_starts(problem, trained):
    timesteps, path = trained.denoising_path(problem.test_features[:20])
    assert timesteps.tolist() == [49, 39, 29, 19, 9]
    assert path.shape == (5, 4, 20, 3)
    np.testing.assert_allclose(path.sum(axis=3), 1, rtol=1e-4)
    entropy = -(path * np.log(np.maximum(path, 1e-12))).sum(axis=3).mean(axis=(1, 2))
    assert entropy[-1] < entropy[0]


def test_the_chains_of_the_path_end_at_the_prediction(problem, trained):
    """Each chain has one branch and one given label, drawn as the prediction weighs them."""
    features = problem.test_features[:30]
    trained.n_samples = 600
    _, path = trained.denoising_path(features)
    trained.n_samples = 4
    ends = path[-1].argmax(axis=2)  # (S, N)
    shares = (ends[:, :, None] == np.arange(3)).mean(axis=0)
    np.testing.assert_allclose(shares, trained.predict_probs(features), atol=0.09)


def test_it_is_among_the_methods():
    spec = METHODS["sidyp"]
    assert spec.load() == (fit, Params)
    assert "true_label_probs" in spec.needs


@pytest.mark.parametrize(
    "wrong",
    [
        {"candidate_share": 1.5},
        {"epochs": 0},
        {"n_samples": 0},
        {"n_given": 0},
        {"process": ReverseProcess(projection="best")},
    ],
)
def test_options_out_of_range(wrong):
    with pytest.raises(UsageError):
        Params(**wrong)


def test_prototypes_reach_the_denoiser_and_are_off_by_default(problem, trained):
    off, on = (
        finish(fit(problem.data, replace(SMALL, prototypes=w), seed=0, device="cpu"))
        for w in (0.0, 0.1)
    )
    plain, same, other = (m.predict_probs(problem.test_features) for m in (trained, off, on))
    assert (plain == same).all()
    assert (plain != other).any()
    assert problem.accuracy(on) > problem.accuracy(trained) - 0.03
    with pytest.raises(UsageError, match="prototypes"):
        Params(prototypes=-0.1)
