"""ERASE: labels are smoothed along the neighbours' graph, epoch by epoch with the model's classes.

Source: Chen, Zhang, et al., ERASE: Error-Resilient Representation Learning on Graphs for Label
Noise Tolerance, 2023 (its code has a licence against commercial use: its formulas are known, it was
not looked at for this). Before training, labels are mixed with the mean of the neighbours' several
times; each epoch a row's label is mixed with its likeness to the means of the classes, and smoothed
again. Decisions: the graph is that of the ten nearest rows of other texts, both ways (theirs is a
graph of citations); likeness keeps its sign, and has a temperature, without which labels flatten to
nothing; targets are soft, and the head learns by cross-entropy, for frozen features are not shaped
by a coding rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import UsageError
from noisefix.neighbors.votes import labelled_neighbors
from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.methods import ce
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from torch import Tensor

N_NEIGHBORS = 10
_TEMPERATURE = 0.1


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        keep: share of a row's own label in each step of the smoothing, the paper's alpha.
        steps: of the smoothing; 0: plain training.
        label_share: of the smoothed label beside the likeness to class means, the paper's beta.
        warm_epochs: of training on smoothed labels alone.
    """

    keep: float = 0.6
    steps: int = 3
    label_share: float = 0.6
    warm_epochs: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.keep <= 1 or not 0 <= self.label_share <= 1 or self.steps < 0:
            raise UsageError("keep and label_share lie in 0 to 1, steps is 0 or above")


def neighbour_graph(data: TrainingData) -> Any:
    """Return the (N, N) SciPy CSR matrix whose rows are means over a row's neighbours.

    Rows are neighbours where either is among the other's nearest labelled rows; copies of a text
    never are. A row without neighbours has itself.
    """
    from scipy.sparse import csr_array, diags_array

    n_rows = len(data.given_labels)
    groups = np.arange(n_rows) if data.groups is None else data.groups
    near = labelled_neighbors(data.features, data.given_labels, groups, N_NEIGHBORS)
    row, at = np.nonzero((near.indices >= 0) & data.is_labelled[:, None])
    shape = (n_rows, n_rows)
    one_way = csr_array((np.ones(len(row)), (row, near.indices[row, at])), shape)
    both = one_way.maximum(one_way.T)
    alone = np.flatnonzero(both.sum(axis=1) == 0)
    both = both + csr_array((np.ones(len(alone)), (alone, alone)), shape)
    return csr_array(diags_array(1 / both.sum(axis=1)) @ both)


def smoothed(labels: np.ndarray, graph: Any, keep: float, steps: int) -> np.ndarray:
    """Return (N, K) labels, mixed so many times with the mean of the neighbours'."""
    for _ in range(steps):
        labels = keep * labels + (1 - keep) * (graph @ labels)
    return labels


def class_likeness(features: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return (N, K) softmax over classes of the cosine to the classes' means.

    Args:
        features: (N, D).
        labels: (N,) class ids, -1 = none; a class without rows is like nothing.
        n_classes: K.
    """
    from noisefix.probability import softmax

    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    cosines = np.full((len(features), n_classes), -1.0)
    for label in np.unique(labels[labels >= 0]):
        mean = unit[labels == label].mean(axis=0)
        cosines[:, label] = unit @ (mean / max(float(np.linalg.norm(mean)), 1e-12))
    return softmax(cosines / _TEMPERATURE)


class Smoothed(ce.GivenLabels):
    """Cross-entropy towards smoothed labels."""

    params: Params

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        super().__init__(data, params, device)
        data.check_frozen("erase")
        self.data, self.device = data, device
        if not params.steps:
            return
        self.graph = neighbour_graph(data)
        self.own = self.targets.cpu().numpy().astype(np.float64)
        self._set(smoothed(self.own, self.graph, params.keep, params.steps))

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Mix the labels with the likeness to what the model takes for the classes."""
        params = self.params
        if not params.steps or epoch < params.warm_epochs:
            return
        said = look().mean(0).argmax(1).cpu().numpy()
        said = np.where(self.data.is_labelled, said, -1)
        likeness = class_likeness(self.data.features, said, self.data.n_classes)
        mixed = params.label_share * self.own + (1 - params.label_share) * likeness
        self._set(smoothed(mixed, self.graph, params.keep, params.steps))

    def _set(self, labels: np.ndarray) -> None:
        sums = np.maximum(labels.sum(axis=1, keepdims=True), 1e-12)
        self.targets.copy_(to_device(labels / sums, self.device))

    def memory(self) -> dict[str, Tensor]:
        """Return the targets."""
        return {"targets": self.targets}


fit = head_method(Smoothed)
