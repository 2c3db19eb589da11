"""The script that a user would write today, without noisefix; the other side of the comparisons.

``python tests/benchmarks/plain_script.py DATA.csv MODEL OUT.csv``: sentence-transformers with its
defaults, five folds of scikit-learn's LogisticRegression, cleanlab's filter and self-confidence.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PlainVerdict:
    """What the script finds out; N rows, K classes in sorted order."""

    pred_probs: np.ndarray  # (N, K)
    self_confidence: np.ndarray  # (N,)
    is_issue: np.ndarray  # (N,) bool
    noise_rate: float


def judge(vectors: np.ndarray, labels: np.ndarray, seed: int = 0) -> PlainVerdict:
    """Judge labels by out-of-fold probabilities and cleanlab's defaults.

    Args:
        vectors: (N, D) sentence embeddings.
        labels: (N,) class ids; every class in 0..K-1 has a row.
        seed: of the folds.
    """
    from cleanlab.count import estimate_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_self_confidence_for_each_label
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes with fewer rows than folds
        pred_probs = cross_val_predict(
            LogisticRegression(max_iter=1000),
            vectors,
            labels,
            cv=StratifiedKFold(5, shuffle=True, random_state=seed),
            method="predict_proba",
        )
        is_issue = find_label_issues(labels, pred_probs)
        joint = estimate_joint(labels, pred_probs)
    return PlainVerdict(
        pred_probs,
        get_self_confidence_for_each_label(labels, pred_probs),
        is_issue,
        float(1 - np.trace(joint)),
    )


def main(data: str, model: str, output: str) -> None:
    """Read a CSV with the columns text and label, and write it with a score and a flag."""
    import pandas as pd
    from sentence_transformers import SentenceTransformer

    table = pd.read_csv(data)
    codes, _ = pd.factorize(table["label"], sort=True)
    vectors = SentenceTransformer(model).encode(table["text"].tolist())
    verdict = judge(vectors, codes)
    table["score"] = verdict.self_confidence
    table["is_issue"] = verdict.is_issue
    table.to_csv(output, index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
