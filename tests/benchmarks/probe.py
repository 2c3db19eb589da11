"""Out-of-fold probabilities against a loop over scikit-learn's LogisticRegression.

``python tests/benchmarks/probe.py [--rows N] [--features D] [--classes K]`` prints one JSON object.
Both run in turn, in one process, on the same folds; wrong labels are 20 %.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from report import Headline, Table, number


def make_data(n: int, d: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (N, D) unit vectors, (N,) true and (N,) given labels; a class is a few clusters."""
    rng = np.random.default_rng(seed)
    true = rng.choice(k, n, p=rng.dirichlet(np.full(k, 4.0)))
    scales = 1.0 / np.sqrt(1.0 + np.arange(d))  # embeddings vary along few directions
    centers = rng.normal(size=(k, 5, d)) * scales
    features = centers[true, rng.integers(0, 5, n)] + 2.5 * rng.normal(size=(n, d)) * scales
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    given = true.copy()
    wrong = rng.random(n) < 0.2
    given[wrong] = rng.integers(0, k, int(wrong.sum()))
    return features.astype(np.float32), true, given


def sklearn_loop(
    features: np.ndarray, labels: np.ndarray, folds: np.ndarray, n_classes: int
) -> np.ndarray:
    """The script of today: one LogisticRegression a fold."""
    from sklearn.linear_model import LogisticRegression

    probs = np.zeros((len(labels), n_classes))
    for fold in range(folds.max() + 1):
        held_out = folds == fold
        model = LogisticRegression(max_iter=1000).fit(features[~held_out], labels[~held_out])
        probs[np.ix_(held_out, model.classes_)] = model.predict_proba(features[held_out])
    return probs


def run(
    n_rows: int = 20_000,
    n_features: int = 384,
    n_classes: int = 19,
    *,
    data: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
    repeats: int = 2,
) -> dict[str, float]:
    """Return times, their ratio, and how far the results agree.

    Args:
        n_rows: N of the made data.
        n_features: D of the made data.
        n_classes: K of the made data.
        data: features (N, D), true labels (N,) and given labels (N,) to take instead.
        repeats: runs of each; the fastest counts.
    """
    from sklearn.metrics import average_precision_score

    from noisefix.probing.folds import make_folds
    from noisefix.probing.linear_probe import out_of_fold_probs

    features, true, given = data or make_data(n_rows, n_features, n_classes)
    n_classes = int(given.max()) + 1
    folds = make_folds(given)
    ways: dict[str, Callable[[], np.ndarray]] = {
        "noisefix": lambda: out_of_fold_probs(features, given, folds, n_classes),
        "sklearn": lambda: sklearn_loop(features, given, folds, n_classes),
    }
    seconds = dict.fromkeys(ways, np.inf)
    cpu_seconds = dict(seconds)
    probs = {}
    for _ in range(repeats):
        for name, way in ways.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            probs[name] = way()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
            cpu_seconds[name] = min(cpu_seconds[name], time.process_time() - cpu_start)
    index = np.arange(len(given))
    precision = {
        name: average_precision_score(given != true, -p[index, given]) for name, p in probs.items()
    }
    difference = np.abs(probs["noisefix"] - probs["sklearn"])
    return {
        "rows": len(given),
        "features": features.shape[1],
        "classes": n_classes,
        "noisefix_s": seconds["noisefix"],
        "sklearn_s": seconds["sklearn"],
        "times_faster": seconds["sklearn"] / seconds["noisefix"],
        "times_less_cpu": cpu_seconds["sklearn"] / cpu_seconds["noisefix"],
        "noisefix_average_precision": precision["noisefix"],
        "sklearn_average_precision": precision["sklearn"],
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return times and agreement."""
    r = result
    return [
        Table(
            f"Out-of-fold probabilities, {r['rows']:,} x {r['features']}, {r['classes']} classes",
            ("", "noisefix", "scikit-learn", "times faster"),
            (
                (
                    "wall time, s",
                    number(r["noisefix_s"], 2),
                    number(r["sklearn_s"], 2),
                    number(r["times_faster"], 2),
                ),
                ("processor time", "", "", number(r["times_less_cpu"], 2)),
                (
                    "average precision of 1 - self-confidence",
                    number(r["noisefix_average_precision"], 4),
                    number(r["sklearn_average_precision"], 4),
                    "",
                ),
            ),
            f"The probabilities differ by {r['mean_difference']:.1g} on average and by "
            f"{r['largest_difference']:.1g} at most.",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the speed and the difference in average precision."""
    ratio = result["times_faster"]
    lost = result["sklearn_average_precision"] - result["noisefix_average_precision"]
    return [
        Headline(
            f"out-of-fold probabilities, {result['rows']:,} rows, times faster than scikit-learn",
            number(ratio, 2),
            "at least 4",
            ratio >= 4,
        ),
        Headline(
            "the same, average precision lost", number(lost, 4), "at most .002", lost <= 0.002
        ),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=384)
    parser.add_argument("--classes", type=int, default=19)
    options = parser.parse_args()
    print(json.dumps(run(options.rows, options.features, options.classes), indent=2))
