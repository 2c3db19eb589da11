"""What a "not this one" is worth, beside a label: simulated on clean_banking77.

``python tests/benchmarks not_this_one``. A fifth of the labels is replaced by one of the five
nearest classes; what is known of a row then comes of an out-of-fold classifier and the noise rate.
The truth answers: it names the right label, rules the given one out, or rules out labels drawn at
random.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from report import Headline, Table, mean, percent
from shared_sets import embeddings_of, load

from noisefix.probing.complementary import (
    Rejections,
    answers_worth_a_label,
    complementary_matrix,
)

_ROWS = 3000
_NOISE = 0.2
_NEAR = 5
_FOLDS = 5
_ERROR = 0.04
_DRAWS = 3
LOOKED_AT = (250, 500, 1000)
AT_RANDOM = (10, 50, 332)


def out_of_fold(vectors: np.ndarray, labels: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return (N, K) probabilities of linear discriminants, each row by those of other folds."""
    fold = np.random.default_rng(seed).integers(0, _FOLDS, len(labels))
    probs = np.zeros((len(labels), n))
    for part in range(_FOLDS):
        x, y = vectors[fold != part], labels[fold != part]
        means = np.stack([x[y == k].mean(axis=0) for k in range(n)])
        spread = np.cov((x - means[y]).T) + 1e-3 * np.eye(x.shape[1])
        weights = np.linalg.solve(spread, means.T)
        bias = np.log(np.bincount(y, minlength=n) / len(y)) - (means.T * weights).sum(axis=0) / 2
        logits = 0.8 * (vectors[fold == part] @ weights + bias)
        logits -= logits.max(axis=1, keepdims=True)
        probs[fold == part] = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probs


def ruled_out(probs: np.ndarray, rows: np.ndarray, labels: np.ndarray, error: float) -> np.ndarray:
    """Return the probabilities with these labels of these rows ruled out."""
    after = probs.copy()
    Rejections(rows, labels, complementary_matrix(probs.shape[1], error)).weigh(after)
    return after


def run(progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Answer in every way, in three draws.

    Raises:
        SharedDataAbsentError: the set is not there.
    """
    draws = []
    for seed in range(_DRAWS):
        draws.append(run_draw(seed))
        progress(f"not this one, draw {seed + 1}")
    return {"draws": draws}


def run_draw(seed: int) -> dict[str, Any]:
    """Return label accuracies after each way of answering."""
    rng = np.random.default_rng(seed)
    table, every = load("clean_banking77"), embeddings_of("clean_banking77")
    train = np.flatnonzero((table["split"] == "train").to_numpy())
    rows = np.sort(rng.permutation(train)[:_ROWS])
    names = sorted(set(table["label"]))
    truth = np.array([names.index(label) for label in table["label"].iloc[rows]])
    vectors, n = every[rows].astype(np.float64), len(names)
    centres = np.stack([vectors[truth == k].mean(axis=0) for k in range(n)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    near = np.argsort(-(centres @ centres.T), axis=1)[:, 1 : _NEAR + 1]
    spoiled = rng.random(_ROWS) < _NOISE
    given = np.where(spoiled, near[truth, rng.integers(0, _NEAR, _ROWS)], truth)
    noise = np.full((n, n), _NOISE / (n - 1))
    np.fill_diagonal(noise, 1 - _NOISE)
    known = out_of_fold(vectors, given, n, seed) * noise[:, given].T
    known /= known.sum(axis=1, keepdims=True)
    order = np.argsort(known[np.arange(_ROWS), given], kind="stable")
    found: dict[str, Any] = {"given": float((given == truth).mean()), "looked_at": {}}
    for n_rows in LOOKED_AT:
        found["looked_at"][str(n_rows)] = _looked_at(order[:n_rows], given, truth, known, rng)
    found["at_random"] = {str(m): _at_random(m, truth, known, rng) for m in AT_RANDOM}
    found["theory"] = [answers_worth_a_label(n), answers_worth_a_label(n, _ERROR)]
    return found


def _looked_at(
    top: np.ndarray, given: np.ndarray, truth: np.ndarray, known: np.ndarray, rng: Any
) -> dict[str, float]:
    wrong = top[given[top] != truth[top]]
    errs = rng.random(len(top)) < _ERROR
    said = top[(given[top] != truth[top]) != errs]
    labels = {
        "estimated, nobody asked": (top, known[top].argmax(axis=1)),
        "given label ruled out": (
            wrong,
            ruled_out(known, wrong, given[wrong], 0.0)[wrong].argmax(1),
        ),
        "ruled out, 4 % of answers wrong": (
            said,
            ruled_out(known, said, given[said], _ERROR)[said].argmax(axis=1),
        ),
        "right label named": (wrong, truth[wrong]),
    }
    found = {}
    for name, (rows, new) in labels.items():
        after = given.copy()
        after[rows] = new
        found[name] = float((after == truth).mean())
    return found


def _at_random(m: int, truth: np.ndarray, known: np.ndarray, rng: Any) -> float:
    """Return the share of right labels after m rejections a row of wrong labels at random."""
    drawn = rng.integers(0, known.shape[1] - 1, (len(truth), m))
    drawn += drawn >= truth[:, None]
    rows = np.repeat(np.arange(len(truth)), m)
    after = ruled_out(known, rows, drawn.ravel(), 0.0)
    return float((after.argmax(axis=1) == truth).mean())


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the shares of right labels, means of the draws."""
    draws = result["draws"]
    ways = list(draws[0]["looked_at"][str(LOOKED_AT[0])])
    looked_at = tuple(
        (
            f"{n_rows:,} most suspicious rows",
            *(percent(mean(d["looked_at"][str(n_rows)][way] for d in draws)) for way in ways),
        )
        for n_rows in LOOKED_AT
    )
    at_random = tuple(
        (f"{m} of a row", percent(mean(d["at_random"][str(m)] for d in draws))) for m in AT_RANDOM
    )
    given = percent(mean(d["given"] for d in draws))
    return [
        Table(
            "Right labels after the given label of suspicious rows is ruled out",
            ("looked at", *ways),
            looked_at,
            f"clean_banking77, {_ROWS:,} rows, {percent(_NOISE, 0)} of the labels replaced by one "
            f"of the {_NEAR} nearest classes; {given} are right before. Means of {len(draws)} "
            "draws.",
        ),
        Table(
            "Right labels after wrong labels drawn at random are ruled out",
            ("ruled out", "right labels"),
            at_random,
            "All rows; the most probable label is taken.",
        ),
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return what ruling a label out brings, of what naming the right one brings."""
    shares = []
    for draw in result["draws"]:
        for found in draw["looked_at"].values():
            nobody = found["estimated, nobody asked"]
            gain = found["given label ruled out"] - nobody
            shares.append(gain / (found["right label named"] - nobody))
    words = "A suspicious label ruled out, of what naming the right one brings (least)"
    return [Headline(words, f"{percent(mean(shares), 0)} ({percent(min(shares), 0)})")]
