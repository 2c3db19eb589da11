"""ADELE: a class's labels are corrected from when the model begins to learn its errors by heart.

How well the model fits the given labels of a class rises fast while it learns what is right, and
slowly while it learns errors by heart. When the rise has slowed down enough, rows of that class on
which the model is surest of another class that is due too have its prediction as their target. It
matters where there is something to learn by heart with: an mlp and many epochs, or an encoder that
learns along.

Source: Liu, Liu, Zhu, Shen, Fernandez-Granda, Adaptive Early-Learning Correction for Segmentation
from Noisy Annotations, CVPR 2022 (known from the authors' code, ``Kangningthu/ADELE``): the overlap
of given and predicted, its curve a (1 - exp(-x^b / c)) with later epochs weighted more, and the
ratio 0.9. Decisions: a class is the rows given it, where theirs is an area of pictures; how sure
the model must be is set by the detect stage's noise rate of the class instead of a fixed
confidence; there are no views of several scales to hold to each other.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import UsageError
from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.methods import ce
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from torch import Tensor

_FEWEST_EPOCHS = 4  # for three numbers of a curve


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        head: "mlp", which can learn errors by heart; a linear head hardly does.
        ratio: by how much the rise must have slowed down, in [0, 1].
    """

    head: str = "mlp"
    ratio: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.ratio <= 1:
            raise UsageError(f"ratio is {self.ratio}", "it must lie in 0 to 1")


def overlaps(given: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Return (K,) rows both given and predicted a class, in those either; 0 where there are none.

    Args:
        given: (N,) class ids, -1 = unlabelled (left out).
        predicted: (N,) class ids.
        n_classes: K.
    """
    labelled = given >= 0
    both = np.bincount(given[labelled & (given == predicted)], minlength=n_classes)
    either = np.bincount(given[labelled], minlength=n_classes) - both
    either += np.bincount(predicted[labelled], minlength=n_classes)
    shares: np.ndarray = both / np.maximum(either, 1)
    return shares


def fit_curve(values: np.ndarray) -> tuple[float, float, float] | None:
    """Return a, b, c of a (1 - exp(-x^b / c)) through values at x = 1, 2, ..; None: no fit.

    Later values count more: their deviations fall from 1 to 0.1.
    """
    from scipy.optimize import curve_fit

    if len(values) < _FEWEST_EPOCHS or np.ptp(values) < 1e-6:
        return None
    x, sigma = np.arange(1.0, len(values) + 1), np.linspace(1, 0.1, len(values))

    def curve(x: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
        risen: np.ndarray = a * -np.expm1(-(x**b) / c)
        return risen

    bounds = ([0.0, 0.0, 1e-6], [1.0, 1.0, np.inf])
    start = (min(max(float(values.max()), 0.01), 0.99), 0.5, 1.0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # how sure the fit is has no part in it
            found, _ = curve_fit(curve, x, values, p0=start, sigma=sigma, bounds=bounds)
    except RuntimeError:
        return None
    a, b, c = (float(v) for v in found)
    return a, b, c


def slope(x: float, a: float, b: float, c: float) -> float:
    """Return how fast the curve rises at x."""
    return float(a * b / c * x ** (b - 1) * np.exp(-(x**b) / c))


def is_due(values: np.ndarray, ratio: float) -> bool:
    """Tell whether the rise of (E,) values has slowed down by this share of its first pace."""
    found = fit_curve(values)
    if found is None:
        return False
    first = slope(1.0, *found)
    return first > 0 and slope(float(len(values)), *found) <= (1 - ratio) * first


def rows_to_correct(
    given: np.ndarray, probs: np.ndarray, due: np.ndarray, rates: np.ndarray
) -> np.ndarray:
    """Return (N,) bool: rows that get the model's prediction as their target.

    Of each class that is due, the rows on which the model is surest, as many at most as are thought
    to be wrong, and among these those that it takes for another class that is due.

    Args:
        given: (N,) class ids, -1 = unlabelled.
        probs: (N, K).
        due: (K,) bool.
        rates: (K,) share of wrong labels of each given class.
    """
    predicted, surest = probs.argmax(axis=1), probs.max(axis=1)
    chosen = np.zeros(len(given), dtype=bool)
    for label in np.flatnonzero(due):
        members = np.flatnonzero(given == label)
        other = members[(predicted[members] != label) & due[predicted[members]]]
        most = int(np.floor(rates[label] * len(members)))
        order = np.argsort(-surest[other], kind="stable")
        chosen[other[order[:most]]] = True
    return chosen


class Corrected(ce.GivenLabels):
    """Cross-entropy towards labels that give way class by class."""

    params: Params

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        import torch

        super().__init__(data, params, device)
        self.data, self.device, self.own = data, device, self.targets.clone()
        p_error = data.p_error
        if p_error is None:
            rate = 0.0 if data.noise_rate is None else data.noise_rate
            p_error = np.full(len(data.given_labels), rate)
        known = data.is_labelled
        given, k = data.given_labels[known], data.n_classes
        sums = np.bincount(given, np.nan_to_num(p_error[known]), minlength=k)
        self.rates = sums / np.maximum(np.bincount(given, minlength=k), 1)
        self.history = torch.zeros(params.epochs, k, device=device)
        self.due = torch.zeros(k, device=device)

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """See how far each class is, and correct those that are due."""
        if epoch == 0:
            return
        probs = look().softmax(-1).mean(0).cpu().numpy().astype(np.float64)
        given, k = self.data.given_labels, self.data.n_classes
        fits = overlaps(given, probs.argmax(axis=1), k)
        self.history[epoch - 1] = to_device(fits, self.device)
        past = self.history[:epoch].cpu().numpy().astype(np.float64)
        for label in range(k):
            if not self.due[label] and is_due(past[:, label], self.params.ratio):
                self.due[label] = 1
        chosen = rows_to_correct(given, probs, self.due.cpu().numpy() > 0, self.rates)
        self.targets.copy_(self.own)
        rows = np.flatnonzero(chosen)
        self.targets[to_device(rows, self.device)] = to_device(probs[rows], self.device)

    def memory(self) -> dict[str, Tensor]:
        """Return targets, the curves so far, and which classes are due."""
        return {"targets": self.targets, "history": self.history, "due": self.due}

    def metrics(self) -> dict[str, float]:
        """Return how many classes are due."""
        return {"due": float(self.due.sum())}


fit = head_method(Corrected)
