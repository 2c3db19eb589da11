"""Tables whose labels are known to be right: to compare methods by, or to choose an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from noisefix.cleaning.rewrites import left_out_note, made_rows
from noisefix.errors import DataError

if TYPE_CHECKING:
    from noisefix.classifiers.training_data import RunData
    from noisefix.tables.source import Source


@dataclass(frozen=True, eq=False)
class TrustedTable:
    """The rows of a table that have a label.

    Attributes:
        texts: (V,).
        labels: (V,) class ids; -1 = a class that no training row has.
        column: where the labels come from.
        notes: what was guessed or should be known, in words; the last is of unknown classes where
            there are some.
    """

    texts: list[str]
    labels: np.ndarray
    column: str
    notes: tuple[str, ...]


def read_trusted(
    path: str | Path,
    run: RunData,
    *,
    truth: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    fate_of_unknown: str = "they count as wrong",
    bad_rows: str = "stop",
) -> TrustedTable:
    """Read a table with trusted labels.

    The labels are in ``truth``; else in the column whose name says so ("true_label", "gold"); else
    in the label column, and a note says that they are taken to be right.

    Args:
        path: the table.
        run: what was trained on.
        truth: column with the labels.
        text_column: column of the texts; None: those of the run, else guessed.
        label_column: label column, where no name says truth; None: guessed.
        bad_rows: "stop" or "skip"; as for ``detect``.
        fate_of_unknown: what the caller will do with rows of a class that nobody trained on.

    Raises:
        DataError: it cannot be read, no label is of a known class, or these are the very labels
            that the run is in doubt about.
    """
    from noisefix.run.record import recorded_rules
    from noisefix.tables.columns import Choice, guess_truth, resolve_column
    from noisefix.tables.dataset import load_dataset
    from noisefix.tables.formulas import restored_labels
    from noisefix.tables.source import read_source
    from noisefix.tables.text_columns import remembered_texts

    source = read_source(path, bad_rows=bad_rows)
    found = (
        guess_truth(source) if truth is None else Choice(resolve_column(source, truth, "--truth"))
    )
    says_truth = found.column is not None
    dataset = load_dataset(
        source,
        text_column=text_column or remembered_texts(run.reading, source.columns),
        label_column=found.column or label_column,
        needs_labels=True,
        rules=recorded_rules(run.reading),
    )
    column = str(dataset.label_column)
    index = {name: k for k, name in enumerate(run.class_names)}
    found_labels = restored_labels(dataset.given_labels, index)
    made = made_rows(source)
    rows = [i for i, label in enumerate(found_labels) if label is not None and i not in made]
    names = [str(found_labels[i]) for i in rows]
    texts = [dataset.texts[i] for i in rows]
    labels = np.array([index.get(name, -1) for name in names], dtype=np.int64)
    if (labels < 0).all():
        raise DataError(
            f"{source.name}, column {column!r}: no label is a class of the run",
            f"the run's classes are {', '.join(run.class_names[:10])}; name another --truth",
        )
    how = f" ({found.how})" if found.how else ""
    notes = [f"{source.name}: trusted labels in column {column!r}{how}"]
    if not says_truth:
        notes = [
            f"{source.name}: the labels in column {column!r} are taken to be right; if the truth "
            "is in another column, name it with --truth"
        ]
    notes += [
        f"{source.name}: {note}"
        for note in dataset.notes
        if not note.startswith(("id column", "label column"))
    ]
    notes += left_out_note(source, made)
    notes += _overlap_notes(source, run, texts, labels, says_truth=says_truth)
    unknown = sorted(set(names) - set(index))
    if unknown:
        notes.append(
            f"{int((labels < 0).sum())} rows of {source.name} have labels that no training row has "
            f"({', '.join(unknown[:5])}): {fate_of_unknown}"
        )
    return TrustedTable(texts, labels, column, tuple(notes))


def _overlap_notes(
    source: Source, run: RunData, texts: Sequence[str], labels: np.ndarray, *, says_truth: bool
) -> list[str]:
    """Say how many rows were trained on; refuse a table that is the training table itself."""
    given = dict(zip(run.texts, run.data.given_labels.tolist(), strict=True))
    known = [i for i, text in enumerate(texts) if text in given]
    if not known:
        return []
    is_same = all(labels[i] == given[texts[i]] for i in known)
    if is_same and not says_truth and len(known) > len(texts) / 2:
        raise DataError(
            f"{source.name}: {len(known)} of its {len(texts)} rows are rows of the run, with the "
            "same labels: these are the labels in doubt, not trusted ones",
            "name the column with the right labels with --truth, or another table",
        )
    return [
        f"{len(known)} of the {len(texts)} rows of {source.name} were trained on: on these the "
        "numbers are too good"
    ]
