from __future__ import annotations

import numpy as np
import pytest
import torch

from noisefix.errors import ModelError, UsageError
from noisefix.training.heads import HeadClassifier, head_logits, init_heads

FEATURES = np.random.default_rng(1).normal(size=(50, 7)).astype(np.float32)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_numpy_and_torch_agree(kind):
    state = init_heads(3, 7, 4, kind=kind, hidden=16, seed=2)
    state["bias"] += 0.3
    logits = head_logits({k: torch.from_numpy(v) for k, v in state.items()}, torch.tensor(FEATURES))
    found = HeadClassifier(state).predict_probs(FEATURES)
    np.testing.assert_allclose(found, logits.softmax(-1).mean(0), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_batched_heads_are_the_same_as_one_after_the_other():
    state = init_heads(3, 7, 4, kind="linear", hidden=1, seed=2)
    together = HeadClassifier(state).predict_probs(FEATURES)
    alone = [
        HeadClassifier({k: v[m : m + 1] for k, v in state.items()}).predict_probs(FEATURES)
        for m in range(3)
    ]
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-6)


def test_a_head_may_have_features_of_its_own():
    state = init_heads(2, 7, 4, kind="linear", hidden=1, seed=2)
    parameters = {k: torch.from_numpy(v) for k, v in state.items()}
    own = torch.tensor(np.stack([FEATURES, -FEATURES]))
    shared = head_logits(parameters, torch.tensor(FEATURES))
    torch.testing.assert_close(head_logits(parameters, own)[0], shared[0])
    torch.testing.assert_close(head_logits(parameters, own)[1], -shared[1])


def test_state_makes_it_again():
    classifier = HeadClassifier(init_heads(2, 7, 4, kind="mlp", hidden=8, seed=5), np.arange(4.0))
    again = HeadClassifier.from_state(*classifier.state())
    assert (again.predict_probs(FEATURES) == classifier.predict_probs(FEATURES)).all()
    assert again.n_features == 7


def test_weights_that_do_not_fit_are_refused():
    tensors, config = HeadClassifier(init_heads(1, 7, 4, kind="linear", hidden=1, seed=0)).state()
    with pytest.raises(ModelError, match="lack bias"):
        HeadClassifier.from_state({k: v for k, v in tensors.items() if k != "bias"}, config)
    with pytest.raises(ModelError, match="do not fit"):
        HeadClassifier.from_state(tensors | {"log_prior": np.zeros(3)}, config)


def test_unknown_head():
    with pytest.raises(UsageError, match="transformer"):
        init_heads(1, 7, 4, kind="transformer", hidden=1, seed=0)
