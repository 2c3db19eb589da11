"""``evaluate --pairs``: does a model tell texts from their smallest edits?

Source: VISION, 2025 (known from its abstract): accuracy on pairs that differ in little but the
label, where both of a pair must be right.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.evaluation.options import EvaluateOptions
from noisefix.options import takes
from noisefix.probability import share_interval
from noisefix.run.contrast_pairs import read_contrast_pairs


@dataclass(frozen=True)
class PairScores:
    """How P pairs were predicted.

    Attributes:
        pairs: P.
        both_right: pairs of which both texts are predicted right.
        both_wrong_way: pairs of which each text is predicted to have the label of the other.
        text_right: texts predicted right.
        edited_right: edited texts predicted right.
    """

    pairs: int
    both_right: int
    both_wrong_way: int
    text_right: int
    edited_right: int


@dataclass(frozen=True)
class ContrastScores:
    """How a model did on pairs.

    Attributes:
        model: the model folder.
        pairs: the table of pairs.
        scores: counts.
        accuracy: pairwise contrast accuracy: share of pairs of which both texts are right.
        accuracy_low, accuracy_high: its 95 % interval (Wilson).
        both_wrong_way: share of pairs that are the wrong way round.
        cells: the counts for each two labels, "LABEL -> LABEL OF THE EDIT".
        warnings: what a person should know.
    """

    model: Path
    pairs: Path
    scores: PairScores
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    both_wrong_way: float
    cells: dict[str, PairScores]
    warnings: tuple[str, ...] = ()


def pair_scores(
    labels: np.ndarray, edited_labels: np.ndarray, said: np.ndarray, edited_said: np.ndarray
) -> PairScores:
    """Count how pairs were predicted.

    Args:
        labels: (P,) labels of the texts.
        edited_labels: (P,) labels of their edits.
        said: (P,) predictions for the texts.
        edited_said: (P,) predictions for their edits.
    """
    first, second = said == labels, edited_said == edited_labels
    wrong_way = (said == edited_labels) & (edited_said == labels)
    return PairScores(
        len(labels),
        int((first & second).sum()),
        int(wrong_way.sum()),
        int(first.sum()),
        int(second.sum()),
    )


@takes(EvaluateOptions)
def contrast(model: str | Path, pairs: str | Path, *, options: EvaluateOptions) -> ContrastScores:
    """Score a model on the pairs of ``augment``.

    Args:
        model: model folder that ``train`` has written.
        pairs: contrast_pairs.parquet, or the run folder that it is in.
        options: ``device`` for the encoder; the others are for tables.

    Raises:
        ModelError: the model or its encoder cannot be loaded.
        DataError: there are no pairs, or none of the model's classes.
        UsageError: the model reads no texts.
    """
    from noisefix.training.predictor import load_model

    loaded = load_model(model, device=options.device)
    if not loaded.reads_texts:
        raise UsageError(
            f"{model}: was trained on vectors that were given, and reads no texts",
            "train a model on a run of texts: noisefix detect --encoder NAME",
        )
    found = read_contrast_pairs(pairs)
    index = {name: k for k, name in enumerate(loaded.class_names)}
    labels = np.array([index.get(name, -1) for name in found.labels])
    edited = np.array([index.get(name, -1) for name in found.edited_labels])
    known = np.flatnonzero((labels >= 0) & (edited >= 0))
    if not len(known):
        raise DataError(
            f"{found.path}: no pair is of classes of the model",
            f"the model's classes are {', '.join(loaded.class_names[:10])}",
        )
    warnings = []
    if len(known) < len(found):
        warnings.append(
            f"{len(found) - len(known):,} pairs are of classes that the model was never trained "
            "on, and left out"
        )
    if loaded.info.inputs.get("contrast_pairs") == found.sha256:
        warnings.append("the model was trained on these very pairs: the numbers are too good")
    said, edited_said = (
        loaded.predict_probs([texts[row] for row in known]).argmax(axis=1)
        for texts in (found.texts, found.edited_texts)
    )
    labels, edited = labels[known], edited[known]
    scores = pair_scores(labels, edited, said, edited_said)
    low, high = share_interval(scores.both_right, scores.pairs)
    names = loaded.class_names
    cells = {}
    for one, other in sorted(set(zip(labels.tolist(), edited.tolist(), strict=True))):
        own = (labels == one) & (edited == other)
        cells[f"{names[one]} -> {names[other]}"] = pair_scores(
            labels[own], edited[own], said[own], edited_said[own]
        )
    return ContrastScores(
        model=Path(model),
        pairs=found.path,
        scores=scores,
        accuracy=scores.both_right / scores.pairs,
        accuracy_low=low,
        accuracy_high=high,
        both_wrong_way=scores.both_wrong_way / scores.pairs,
        cells=cells,
        warnings=tuple(warnings),
    )
