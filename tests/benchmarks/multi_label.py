"""Rows with several labels: wrong and missing ones found, against cleanlab's multi-label scores.

``python tests/benchmarks multi_label``. No shared set has several labels a row, so that some are
made: one to three texts of a set joined to one, with the labels of all. Errors of three kinds are
put in. The plain script (logistic regression on the embeddings, out of fold, one model a label) has
its probabilities scored by cleanlab; so have noisefix's own stacked views, which tells what the
error model adds to them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from report import Headline, Table, mean, number
from shared_sets import embed, load

from noisefix.metrics.calibration import expected_calibration_error
from noisefix.metrics.detection import average_precision
from noisefix.probability import sigmoid
from noisefix.probing.label_sets import error_odds, look_at_labels, row_error
from noisefix.probing.views import look_around

SETS = {
    "css_emotion_llm": (6, 400),
    "trec_weak": (6, 500),
    "clean_hwu64": (20, 600),
    "clean_banking77": (20, 600),
}
"""Labels and joined texts; the calibration was fitted on the first three, each left out in turn."""

KINDS = {
    "flipped": "a tenth of all answers turned round",
    "missing": "a quarter of the labels missing",
    "swapped": "15 % of the labels gone, most of them in favour of another",
}
_SEEDS = (0, 1)
_HOW_MANY = ((1, 2, 3), (0.4, 0.4, 0.2))


@dataclass(frozen=True, eq=False)
class Joined:
    """Joined texts and their labels.

    Attributes:
        name: of the set.
        kind: of the errors.
        texts: (N,).
        true: (N, L) bool.
        given: (N, L) bool.
        embeddings: (N, D).
    """

    name: str
    kind: str
    texts: list[str]
    true: np.ndarray
    given: np.ndarray
    embeddings: np.ndarray


def joined_sets() -> Iterator[Joined]:
    """Yield every set with every kind of error and every seed."""
    for name, (n_labels, n_rows) in SETS.items():
        for seed in _SEEDS:
            texts, true = join(name, n_labels, n_rows, seed)
            vectors = embed(texts, f"joined-{name}-{n_rows}-{seed}")
            for kind in KINDS:
                yield Joined(name, kind, texts, true, spoil(true, kind, seed), vectors)


def join(name: str, n_labels: int, n_rows: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Return joined texts, and their labels (N, L)."""
    rng = np.random.default_rng(seed)
    table = load(name)
    table = table[table["true_label"] != ""]
    names = sorted(set(table["true_label"]))
    if len(names) > n_labels:
        names = sorted(rng.choice(names, n_labels, replace=False).tolist())
    table = table[table["true_label"].isin(names)]
    all_texts, labels = table["text"].tolist(), table["true_label"].tolist()
    true = np.zeros((n_rows, len(names)), dtype=bool)
    texts = []
    for row in true:
        parts = rng.choice(len(all_texts), rng.choice(_HOW_MANY[0], p=_HOW_MANY[1]), replace=False)
        texts.append(" ".join(all_texts[part] for part in parts))
        row[[names.index(labels[part]) for part in parts]] = True
    return texts, true


def spoil(true: np.ndarray, kind: str, seed: int) -> np.ndarray:
    """Return labels with errors of a kind."""
    rng = np.random.default_rng(1000 + seed)
    if kind == "flipped":
        return true ^ (rng.random(true.shape) < 0.1)
    if kind == "missing":
        return true & (rng.random(true.shape) >= 0.25)
    given = true.copy()
    for row, labels in zip(given, true, strict=True):
        for label in np.flatnonzero(labels):
            if rng.random() < 0.15:
                row[label] = False
                if rng.random() < 0.7:
                    row[rng.choice(np.flatnonzero(~labels))] = True
    return given


def run_set(task: Joined) -> dict[str, Any]:
    """Judge joined texts, and score labels and rows."""
    from cleanlab.multilabel_classification import get_label_quality_scores

    usable = np.ones(len(task.texts), dtype=bool)
    around = look_around(task.embeddings, task.texts, np.zeros(len(task.texts), dtype=np.int64))
    views = look_at_labels(task.embeddings, task.texts, task.given, usable, around)
    odds = error_odds(views, task.given)
    ours, wrong = sigmoid(odds), task.given != task.true
    rows = wrong.any(axis=1)
    lists = [np.flatnonzero(labels).tolist() for labels in task.given]
    outcome: dict[str, Any] = {
        "name": task.name,
        "kind": task.kind,
        "errors": float(wrong.mean()),
        "wrong_rows": float(rows.mean()),
        "noisefix": {
            "labels": average_precision(wrong.ravel(), ours.ravel()),
            "rows": average_precision(rows, row_error(ours)),
        },
        "noise_rate": float(row_error(ours).mean()),
        "calibration_error": expected_calibration_error(wrong.ravel(), ours.ravel()),
    }
    probs = {"plain": plain_probs(task), "same": np.clip(views.stacked.astype(np.float64), 0, 1)}
    for name, p in probs.items():
        doubt = np.where(task.given, 1 - p, p)
        outcome[name] = {
            "labels": average_precision(wrong.ravel(), doubt.ravel()),
            "rows": average_precision(rows, 1 - get_label_quality_scores(lists, p)),
        }
    return outcome


def plain_probs(task: Joined) -> np.ndarray:
    """Return (N, L) out-of-fold probabilities as a user's script makes them."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold, cross_val_predict

    folds = KFold(5, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        columns = [
            cross_val_predict(
                LogisticRegression(max_iter=1000),
                task.embeddings,
                labels,
                cv=folds,
                method="predict_proba",
            )[:, 1]
            for labels in task.given.T
        ]
    return np.column_stack(columns)


def run(
    tasks: Iterable[Joined] | None = None, progress: Callable[[str], None] = print
) -> dict[str, Any]:
    """Judge every made set.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    found = []
    for task in joined_sets() if tasks is None else tasks:
        found.append(run_set(task))
        progress(f"several labels: {task.name}, {task.kind}")
    return {"sets": found}


def tables(result: dict[str, Any]) -> list[Table]:
    """Return what was found, by set and kind, as means over the seeds."""
    rows = []
    for name in SETS:
        for kind in KINDS:
            these = [s for s in result["sets"] if (s["name"], s["kind"]) == (name, kind)]
            if these:
                rows.append((f"{name}, {kind}", *_cells(these)))
    return [
        Table(
            "Wrong and missing labels of rows with several: average precision",
            (
                "made set and errors",
                "labels: plain script, same views, noisefix",
                "rows: plain script, same views, noisefix",
                "wrong rows, true and estimated",
            ),
            tuple(rows),
            "Plain script and same views: cleanlab's self-confidence for labels, its multi-label "
            "score for rows. Errors: " + "; ".join(f"{k}: {v}" for k, v in KINDS.items()) + ".",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the mean average precision by row, of the plain script and of noisefix."""
    before, after = (
        number(mean(s[side]["rows"] for s in result["sets"])) for side in ("plain", "noisefix")
    )
    worst = min(s["noisefix"]["rows"] - s["plain"]["rows"] for s in result["sets"])
    words = "Average precision by row where rows have several labels, plain script to noisefix"
    return [Headline(words, f"{before} to {after} (worst set {worst:+.3f})")]


def _cells(sets: list[dict[str, Any]]) -> tuple[str, str, str]:
    found = [
        ", ".join(number(mean(s[side][of] for s in sets)) for side in ("plain", "same", "noisefix"))
        for of in ("labels", "rows")
    ]
    rates = [number(mean(s[key] for s in sets)) for key in ("wrong_rows", "noise_rate")]
    return found[0], found[1], ", ".join(rates)
