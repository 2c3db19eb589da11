"""What annotators need of a run: a column of its input, the facts that a person should see."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import UsageError
from noisefix.labels import UNLABELLED
from noisefix.relabelling.plan import RelabelPlan

if TYPE_CHECKING:
    from noisefix.annotators.column import ColumnAnnotator
    from noisefix.annotators.human import RowFacts
    from noisefix.run.folder import RunFolder

_NEIGHBORS_SHOWN = 5


def column_annotator(
    folder: RunFolder, class_names: tuple[str, ...], column: str
) -> ColumnAnnotator:
    """Make an annotator of a column of the run's input.

    Args:
        folder: the run folder.
        class_names: every class of the run.
        column: the column's name.

    Raises:
        DataError: the input is gone, or has no such column.
        UsageError: it holds the labels to be judged, or answers that are weighed in already.
    """
    from noisefix.annotators.column import ColumnAnnotator
    from noisefix.detection.heard import heard_columns
    from noisefix.tables.columns import resolve_column
    from noisefix.tables.label_values import column_labels

    columns = folder.read()["input"]["columns"]
    source = folder.input.source()
    name = resolve_column(source, column, "--annotator column:NAME")
    if name == columns["label"]:
        raise UsageError(
            f"column {name!r} holds the labels that are to be judged",
            "name a column with another annotator's answers",
        )
    if name in heard_columns(folder):
        raise UsageError(
            f"column {name!r} is one of the annotators that detect has heard: what it says is "
            "weighed in already",
            "name another column, or run noisefix detect again without naming this one",
        )
    values = column_labels(source, name, like=columns["label"], rules=folder.label_rules()).labels
    cells = dict(zip(folder.load(source).ids, values, strict=True))
    return ColumnAnnotator(name, cells, class_names)


def facts_of(plan: RelabelPlan) -> Callable[[str], RowFacts]:
    """Return a function from row id to what a person should see of the row."""
    from noisefix.annotators.human import Neighbor, RowFacts
    from noisefix.neighbors.search import nearest

    rows = plan.rows
    place = {key: row for row, key in enumerate(rows.ids)}
    labelled = np.flatnonzero(rows.given_labels != UNLABELLED)

    def facts(key: str) -> RowFacts:
        row = place[key]
        found = nearest(
            rows.embeddings[row : row + 1],
            rows.embeddings[labelled],
            _NEIGHBORS_SHOWN,
            query_groups=rows.groups[row : row + 1],
            base_groups=rows.groups[labelled],
            device="cpu",
        )
        near = [
            (labelled[index], float(similarity))
            for index, similarity in zip(found.indices[0], found.similarities[0], strict=True)
            if index >= 0
        ]
        return RowFacts(
            text=rows.texts[row],
            neighbors=tuple(
                Neighbor(rows.texts[i], rows.class_names[rows.given_labels[i]], similarity)
                for i, similarity in near
            ),
            probabilities=dict(
                zip(rows.class_names, rows.true_label_probs[row].tolist(), strict=True)
            ),
        )

    return facts
