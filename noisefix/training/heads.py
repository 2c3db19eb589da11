"""Small heads on features: linear or one hidden layer, several at once as one batched tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import ModelError, UsageError
from noisefix.training.interface import Classifier, State

if TYPE_CHECKING:
    import torch

HEADS = ("linear", "mlp")

_BLOCK_VALUES = 1 << 22
"""Hidden values held at once in prediction: 16 MB."""


def init_heads(
    n_heads: int, n_features: int, n_classes: int, *, kind: str, hidden: int, seed: int
) -> State:
    """Return the parameters of M untrained heads, each different.

    A linear head starts at zero: its loss is convex, and all classes start equal. With more than
    one, and in the hidden layer, weights are uniform in +-1 / sqrt(fan in), as torch's are.

    Args:
        n_heads: M.
        n_features: D.
        n_classes: K.
        kind: "linear" or "mlp".
        hidden: H, units of the hidden layer of an "mlp".
        seed: seed of the weights.

    Returns:
        float32 arrays: linear: weight (M, D, K), bias (M, 1, K); mlp also hidden_weight (M, D, H)
        and hidden_bias (M, 1, H), and then weight is (M, H, K).

    Raises:
        UsageError: the kind is unknown.
    """
    if kind not in HEADS:
        raise UsageError(
            f"head {kind!r} is unknown", f"choose {' or '.join(f'--set head={k}' for k in HEADS)}"
        )
    rng = np.random.default_rng(seed)

    def uniform(fan_in: int, fan_out: int) -> np.ndarray:
        bound = fan_in**-0.5
        drawn: np.ndarray = rng.uniform(-bound, bound, (n_heads, fan_in, fan_out))
        return drawn.astype(np.float32)

    state: State = {}
    width = n_features
    if kind == "mlp":
        state["hidden_weight"] = uniform(n_features, hidden)
        state["hidden_bias"] = np.zeros((n_heads, 1, hidden), np.float32)
        width = hidden
    is_convex = kind == "linear" and n_heads == 1
    state["weight"] = (
        np.zeros((1, width, n_classes), np.float32) if is_convex else uniform(width, n_classes)
    )
    state["bias"] = np.zeros((n_heads, 1, n_classes), np.float32)
    return state


def head_logits(
    parameters: dict[str, torch.Tensor], features: torch.Tensor, dropout: float = 0.0
) -> torch.Tensor:
    """Return (M, B, K) logits of (B, D) features, or of (M, B, D): a batch for each head."""
    import torch

    last = last_features(parameters, features, dropout)
    return torch.baddbmm(parameters["bias"], last, parameters["weight"])


def last_features(
    parameters: dict[str, torch.Tensor], features: torch.Tensor, dropout: float = 0.0
) -> torch.Tensor:
    """Return what the last layer sees of (B, D) or (M, B, D) features, (M, B, H).

    The hidden layer of an mlp; the features themselves where the head is linear.
    """
    import torch
    from torch.nn import functional

    if features.ndim == 2:
        features = features.expand(len(parameters["weight"]), -1, -1)  # (M, B, D)
    if "hidden_weight" in parameters:
        features = torch.baddbmm(parameters["hidden_bias"], features, parameters["hidden_weight"])
        features = functional.gelu(features)  # (M, B, H)
        if dropout > 0:
            features = functional.dropout(features, dropout)
    return features


def shaken(parameters: dict[str, torch.Tensor], size: float) -> dict[str, torch.Tensor]:
    """Return the heads with normal noise of this size in the weights of their last layer.

    To second order, what it adds to the expected loss is size^2 / 2 times the trace of the loss's
    curvature: a ridge by how much each weight matters.

    Source: Xie, He, Fu, Sato, Tao, Sugiyama, Artificial Neural Variability for Deep Learning, 2020
    (NVRM; known from the authors' code). There the noise is taken out of the weights again now and
    then, and what is saved in between has it in; here the weights never have it.
    """
    import torch

    weight = parameters["weight"]
    return parameters | {"weight": weight + size * torch.randn_like(weight)}


class HeadClassifier:
    """M heads whose probabilities are averaged; plain NumPy, so that loading costs nothing.

    Attributes:
        parameters: as ``init_heads`` gives them, (M, ..).
        log_prior: (K,) added to the logits; zeros where nothing is corrected.
    """

    kind = "head"

    def __init__(self, parameters: State, log_prior: np.ndarray | None = None) -> None:
        self.parameters = {
            name: np.ascontiguousarray(value, np.float32) for name, value in parameters.items()
        }
        n_classes = self.parameters["weight"].shape[2]
        prior = np.zeros(n_classes) if log_prior is None else log_prior
        self.log_prior: np.ndarray = np.asarray(prior, np.float32)

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return (M, N, K) logits of (N, D) features."""
        hidden: np.ndarray = np.asarray(features, np.float32)[None]
        if "hidden_weight" in self.parameters:
            hidden = _gelu(
                hidden @ self.parameters["hidden_weight"] + self.parameters["hidden_bias"]
            )
        out: np.ndarray = hidden @ self.parameters["weight"] + self.parameters["bias"]
        out += self.log_prior
        return out

    def predict_probs(self, features: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities; rows sum to 1."""
        heads, width, n_classes = self.parameters["weight"].shape
        block = max(1, _BLOCK_VALUES // (heads * max(width, n_classes)))
        probs = np.empty((len(features), n_classes), np.float32)
        for start in range(0, len(features), block):
            logits = self.logits(features[start : start + block])
            logits -= logits.max(axis=2, keepdims=True)
            np.exp(logits, out=logits)
            logits /= logits.sum(axis=2, keepdims=True)
            probs[start : start + block] = logits.mean(axis=0)
        return probs

    def state(self) -> tuple[State, dict[str, Any]]:
        """Return the parameters; there is nothing else to know."""
        return self.parameters | {"log_prior": self.log_prior}, {}

    @classmethod
    def from_state(cls, tensors: State, config: dict[str, Any]) -> HeadClassifier:
        """Make it again from what ``state`` returned.

        Raises:
            ModelError: an array is missing or has the wrong shape.
        """
        need = {"weight", "bias", "log_prior"}
        if not need <= tensors.keys():
            raise ModelError(f"the model's weights lack {', '.join(sorted(need - tensors.keys()))}")
        parameters = {name: value for name, value in tensors.items() if name != "log_prior"}
        weight, bias, prior = tensors["weight"], tensors["bias"], tensors["log_prior"]
        hidden = parameters.get("hidden_weight")
        fits = weight.ndim == 3 and bias.shape == (weight.shape[0], 1, weight.shape[2])
        fits = fits and prior.shape == (weight.shape[2],)
        if hidden is not None:
            fits = fits and "hidden_bias" in parameters and hidden.shape[2] == weight.shape[1]
        if not fits:
            raise ModelError("the model's weights do not fit together")
        return cls(parameters, prior)

    @property
    def n_classes(self) -> int:
        """K."""
        return len(self.log_prior)

    @property
    def n_features(self) -> int:
        """D, the size of the features it was trained on."""
        name = "hidden_weight" if "hidden_weight" in self.parameters else "weight"
        return int(self.parameters[name].shape[1])


def first_head(both: Classifier, n_features: int | None = None) -> HeadClassifier:
    """Return the first of several heads.

    Args:
        both: the heads.
        n_features: places of features that it has, where others have more; None: as many.
    """
    tensors, _ = both.state()
    first = "hidden_weight" if "hidden_weight" in tensors else "weight"
    parameters = {name: value[:1] for name, value in tensors.items() if name != "log_prior"}
    parameters[first] = parameters[first][:, :n_features]
    return HeadClassifier(parameters, tensors["log_prior"])


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    raised: np.ndarray = 0.5 * x * (1.0 + erf(x * np.float32(2**-0.5)))
    return raised.astype(np.float32)
