"""``evaluate`` for a model: how well it does on a table whose labels are known to be right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from noisefix.cleaning.rewrites import left_out_note, made_rows
from noisefix.detection.embed import ProgressCallback
from noisefix.errors import DataError, UsageError
from noisefix.metrics.calibration import expected_calibration_error, reliability_table
from noisefix.metrics.classification import (
    Confusion,
    LabelScores,
    confusion_counts,
    confusions,
    label_scores,
    macro_f1,
)
from noisefix.probability import share_interval


@dataclass(frozen=True)
class ConfidenceBin:
    """Rows whose confidence lies in [low, high): what was said, and what share was right."""

    low: float
    high: float
    rows: int
    mean_confidence: float
    accuracy: float


@dataclass(frozen=True)
class ModelScores:
    """How a model did on a test table.

    Attributes:
        model: the model folder.
        data: the table.
        rows: rows in the table.
        scored: rows with a true label; all numbers are about these.
        without_truth: rows left out because their true label is empty.
        unknown_labels: rows of each true label that the model has never heard of; no prediction can
            be right for them, and they count as wrong.
        accuracy: share of rows predicted right.
        accuracy_low, accuracy_high: its 95 % interval (Wilson), for other rows of this kind.
        macro_f1: mean F1 of the classes.
        mean_confidence: mean probability of the predicted label.
        calibration_error: expected calibration error of that probability, in [0, 1].
        reliability: the bins it is made of.
        classes: per class; those unknown to the model come last.
        confusions: mix-ups, the most frequent first.
        notes: what was guessed, in words.
        warnings: what a person should know.
    """

    model: Path
    data: Path
    rows: int
    scored: int
    without_truth: int
    unknown_labels: dict[str, int]
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    mean_confidence: float
    calibration_error: float
    reliability: tuple[ConfidenceBin, ...]
    classes: tuple[LabelScores, ...]
    confusions: tuple[Confusion, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def evaluate_model(
    model: str | Path,
    truth: str,
    data: str | Path,
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    device: str = "auto",
    bad_rows: str = "stop",
    progress: ProgressCallback | None = None,
) -> ModelScores:
    """Score a model's predictions on a table with trusted labels.

    Args:
        model: model folder that ``train`` has written.
        truth: column with the true labels; rows where it is empty are left out.
        data: table with that column and the texts.
        text_column: column of the texts; None: the model's, else guessed.
        id_column: column of the ids, which only must not be taken for the text; None: guessed.
        device: "auto", "cpu", "cuda" or "mps", for the encoder.
        bad_rows: "stop" or "skip"; as for ``detect``.
        progress: called with how far the encoder has come.

    Raises:
        ModelError: the model or its encoder cannot be loaded.
        DataError: no such column, or none of its labels is a class of the model.
    """
    from noisefix.run.record import recorded_rules
    from noisefix.tables.columns import resolve_column
    from noisefix.tables.dataset import find_columns
    from noisefix.tables.formulas import restored_labels
    from noisefix.tables.label_values import column_labels
    from noisefix.tables.source import read_source
    from noisefix.tables.text_columns import column_texts, remembered_texts
    from noisefix.training.predictor import load_model

    loaded = load_model(model, device=device)
    if not loaded.reads_texts:
        raise UsageError(
            f"{model}: was trained on vectors that were given, and reads no texts",
            "run noisefix predict --embeddings FILE, and compare its labels with the truth",
        )
    source = read_source(data, bad_rows=bad_rows)
    columns = find_columns(
        source,
        text_column=text_column or remembered_texts(loaded.info.reading, source.columns),
        label_column=resolve_column(source, truth, "--truth"),
        id_column=id_column,
        needs_labels=True,
    )
    where = f"{source.name}, column"
    label, text = str(columns.label), str(columns.text)
    values = column_labels(source, label, rules=recorded_rules(loaded.info.reading))
    texts = column_texts(source.table, text, source.name)
    known = set(loaded.class_names)
    labels = restored_labels(values.labels, known)
    made = made_rows(source)
    rows = [i for i, value in enumerate(labels) if value is not None and i not in made]
    true = [str(labels[i]) for i in rows]
    unknown = Counter(value for value in true if value not in known)
    if unknown.total() == len(true):
        shown = ", ".join(loaded.class_names[:10])
        found = ", ".join(sorted(unknown)[:5]) or "none at all"
        raise DataError(
            f"{where} {label!r}: no label is a class of the model (found: {found})",
            f"the model's classes are {shown}; name the right column with --truth",
        )
    probs = loaded.predict_probs([texts[i] for i in rows], progress)
    notes = tuple(note for note in columns.notes if not note.startswith("id column"))
    notes += tuple(left_out_note(source, made))
    return score_model(
        probs,
        true,
        loaded.class_names,
        model=Path(model),
        data=Path(data),
        rows=len(source),
        notes=notes,
        warnings=(*source.warnings, *values.warnings, *_unknown_warning(unknown, source.name)),
    )


def score_model(
    probs: np.ndarray,
    true_labels: list[str],
    class_names: tuple[str, ...],
    *,
    model: Path,
    data: Path,
    rows: int,
    notes: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> ModelScores:
    """Score predictions.

    Args:
        probs: (N, K) probabilities.
        true_labels: (N,) names, some of which may be no class of the model.
        class_names: (K,).
        model: the model folder.
        data: the table.
        rows: rows in it.
        notes: to hand on.
        warnings: to hand on.
    """
    unknown = Counter(label for label in true_labels if label not in set(class_names))
    names = (*class_names, *sorted(unknown))
    index = {name: k for k, name in enumerate(names)}
    true = np.array([index[label] for label in true_labels], dtype=np.int64)
    predicted = probs.argmax(axis=1)
    confidence = np.clip(probs.max(axis=1).astype(np.float64), 0, 1)
    is_right = predicted == true
    low, high = share_interval(int(is_right.sum()), len(true))
    counts = confusion_counts(predicted, true, len(names))
    classes = label_scores(counts, names)
    return ModelScores(
        model=model,
        data=data,
        rows=rows,
        scored=len(true),
        without_truth=rows - len(true),
        unknown_labels=dict(sorted(unknown.items())),
        accuracy=float(is_right.mean()),
        accuracy_low=low,
        accuracy_high=high,
        macro_f1=macro_f1(classes),
        mean_confidence=float(confidence.mean()),
        calibration_error=expected_calibration_error(is_right, confidence),
        reliability=tuple(
            ConfidenceBin(b.low, b.high, b.rows, b.mean_probability, b.error_rate)
            for b in reliability_table(is_right, confidence)
        ),
        classes=tuple(classes),
        confusions=tuple(confusions(counts, names)),
        notes=notes,
        warnings=warnings,
    )


def _unknown_warning(unknown: Counter[str], name: str) -> list[str]:
    if not unknown:
        return []
    shown = ", ".join(sorted(unknown)[:5]) + (", ..." if len(unknown) > 5 else "")
    rows = "1 row has" if unknown.total() == 1 else f"{unknown.total():,} rows have"
    return [
        f"{name}: {rows} a true label that the model was never trained on ({shown}): "
        "no prediction can be right for them, and they count as wrong"
    ]
