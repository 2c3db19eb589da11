"""What the label names mean: a view of the rows that the noisy labels had no part in.

A text is compared with the name (or description) of every class. How much that is worth differs
from everything to nothing, so the scale is learned from how well the names explain the given
labels, and the gain is handed on: names that explain the labels vouch for them.

A class may have several definitions. How they count together, that explains given labels best which
the scale was not learned from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from noisefix.confident.validation import row_blocks
from noisefix.labels import UNLABELLED
from noisefix.probability import softmax
from noisefix.probing.sampling import some_rows
from noisefix.threads import one_blas_thread, thread_map
from noisefix.vectors import GRAIN, InMemory, Vectors, as_vectors, blocks, mean_of

_MAX_SLOPE = 5.0
_MAX_BIAS = 6.0
_BIAS_PENALTY = 1e-3
_MAX_FIT_ROWS = 20_000
_N_FOLDS = 5

MEAN, MAX = "mean", "max"
"""How several definitions of a class count: all alike, or the one that is nearest to the text."""


@dataclass(frozen=True)
class NameView:
    """The rows as the label names see them.

    Attributes:
        probs: (N, K) float32 zero-shot probabilities with equal class shares; rows sum to 1.
        slope: how steeply similarity counts, in [0, 5]; 0: the names tell nothing.
        gain: share of the given labels' entropy that the names explain, in [0, 1].
        matching: how several definitions of a class count, ``MEAN`` or ``MAX``; None: no class has
            several.
    """

    probs: np.ndarray
    slope: float
    gain: float
    matching: str | None = None


def readable_name(label: str) -> str:
    """Turn a label into words: ``cardArrival`` and ``card_arrival`` become ``card arrival``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", label)
    return re.sub(r"[\W_]+", " ", spaced).strip().lower() or label


@one_blas_thread()
def name_view(
    embeddings: Vectors | np.ndarray,
    name_embeddings: np.ndarray | Sequence[np.ndarray],
    given_labels: np.ndarray,
) -> NameView:
    """Fit one slope and a bias for each class to the given labels; keep the slope.

    Similarities are standardised within each class first, which takes out that some names are near
    every text. The bias is fitted so that class shares do not bend the slope, then dropped.

    Args:
        embeddings: (N, D) unit-length sentence embeddings.
        name_embeddings: (K, D) unit-length embeddings of names or descriptions, or K matrices
            (n, D) with the n definitions of a class each. Of several definitions the mean or the
            largest similarity counts, whichever has the larger ``held_out_gain``.
        given_labels: (N,) class ids in 0..K-1; -1 = unlabelled, left out of the fit.
    """
    embeddings = as_vectors(embeddings)
    n_classes = len(name_embeddings)
    meant = np.concatenate([np.atleast_2d(each) for each in name_embeddings])
    labelled = some_rows(np.flatnonzero(given_labels != UNLABELLED), _MAX_FIT_ROWS)
    matching: str | None = None
    together: Callable[[np.ndarray], np.ndarray] = _as_it_is
    if len(meant) > n_classes:
        ways = _ways([len(np.atleast_2d(each)) for each in name_embeddings])
        seen = embeddings.take(labelled) @ meant.T
        gains = {way: held_out_gain(ways[way](seen), given_labels[labelled]) for way in ways}
        matching = max(gains, key=lambda way: gains[way])
        together = ways[matching]
    probs = np.empty((len(embeddings), n_classes), dtype=np.float32)

    def compare(block: tuple[int, int]) -> None:
        probs[slice(*block)] = together(embeddings.rows(*block) @ meant.T)

    thread_map(compare, blocks(len(embeddings), 4 * GRAIN))
    # Summed in float64: in float32 a million rows lose three digits, and others in another order.
    similarities = InMemory(probs)
    middle = mean_of(similarities).astype(np.float32)
    squares = np.zeros(len(name_embeddings))
    for block in blocks(len(probs), GRAIN):
        scaled = probs[slice(*block)]
        scaled -= middle
        squares += np.einsum("nk,nk->k", scaled, scaled, dtype=np.float64)
    spread = np.maximum(np.sqrt(squares / len(probs)), 1e-6).astype(np.float32)
    given = given_labels[labelled]
    scaled = (probs[labelled] / spread).astype(np.float64)
    slope, bias = _fit_slope(scaled, given)
    gain = float(np.clip(_explained(_losses(scaled, given, slope, bias).mean(), given), 0.0, 1.0))
    for rows in row_blocks(*probs.shape):
        probs[rows] = softmax(np.float32(slope) * (probs[rows] / spread))
    return NameView(probs, slope, gain, matching)


def held_out_gain(similarities: np.ndarray, given: np.ndarray) -> float:
    """Return the share of the labels' entropy that similarities explain of rows not fitted to.

    Args:
        similarities: (R, K) cosines in [-1, 1].
        given: (R,) class ids in 0..K-1.

    Returns:
        At most 1; below 0 where the fit to the other rows does harm.
    """
    middle, spread = similarities.mean(axis=0), np.maximum(similarities.std(axis=0), 1e-6)
    scaled = ((similarities - middle) / spread).astype(np.float64)
    folds = np.random.default_rng(0).permutation(len(given)) % _N_FOLDS
    losses = np.zeros(len(given))
    for fold in range(_N_FOLDS):
        out = folds == fold
        if out.any() and not out.all():
            losses[out] = _losses(scaled[out], given[out], *_fit_slope(scaled[~out], given[~out]))
    return _explained(losses.sum() / max(len(given), 1), given)


def _ways(counts: Sequence[int]) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return what makes (n, K) similarities of those to all definitions, class by class."""
    starts = np.cumsum([0, *counts[:-1]])
    divisors = np.asarray(counts, dtype=np.float32)
    return {
        MEAN: lambda seen: np.add.reduceat(seen, starts, axis=1) / divisors,
        MAX: lambda seen: np.maximum.reduceat(seen, starts, axis=1),
    }


def _as_it_is(seen: np.ndarray) -> np.ndarray:
    return seen


def _explained(loss: float, given: np.ndarray) -> float:
    """Return the share of the labels' entropy that is gone, given the mean log-loss left."""
    shares = np.bincount(given) / max(len(given), 1)
    entropy = -float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
    return 1 - float(loss) / entropy if entropy > 0 else 0.0


def _losses(scaled: np.ndarray, given: np.ndarray, slope: float, bias: np.ndarray) -> np.ndarray:
    """Return (R,) the log-loss of each label."""
    probs = softmax(slope * scaled + bias)
    losses: np.ndarray = -np.log(np.maximum(probs[np.arange(len(given)), given], 1e-300))
    return losses


def _fit_slope(scaled: np.ndarray, given: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the most likely slope and the (K,) biases."""
    from scipy.optimize import minimize

    n_rows, n_classes = scaled.shape
    rows = np.arange(n_rows)

    def objective(params: np.ndarray) -> tuple[float, np.ndarray]:
        slope, bias = params[0], params[1:]
        probs = softmax(slope * scaled + bias)
        loss = -np.log(np.maximum(probs[rows, given], 1e-300)).mean()
        probs[rows, given] -= 1
        gradient = np.concatenate(
            ([(probs * scaled).sum() / n_rows], probs.mean(axis=0) + 2 * _BIAS_PENALTY * bias)
        )
        return loss + _BIAS_PENALTY * float((bias**2).sum()), gradient

    start = np.zeros(n_classes + 1)
    start[0] = 0.5
    bounds = [(0.0, _MAX_SLOPE)] + [(-_MAX_BIAS, _MAX_BIAS)] * n_classes
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return float(found.x[0]), found.x[1:]
