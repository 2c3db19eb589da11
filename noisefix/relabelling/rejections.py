"""Answers of the kind "not X": what they say of a row's label, beside everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from noisefix.annotators.protocol import Answer
from noisefix.annotators.weighing import RELABEL, REVIEW, Verdicts
from noisefix.labels import UNLABELLED
from noisefix.probing.complementary import Rejections, complementary_matrix
from noisefix.run.rows import RunRows

CHANGES_AT = 0.9
"""Probability of another label from which a label that was ruled out is changed."""


def answer_of_two(answer: Answer, class_names: Sequence[str]) -> str | None:
    """Return the label that a "not" stands for: where there are two classes, the other one."""
    distinct = set(answer.rejected)
    if len(class_names) != 2 or len(distinct) != 1:
        return None
    others = [name for name in class_names if name not in distinct]
    return others[0] if len(others) == 1 else None


def heed_rejections(rows: RunRows, answers: Mapping[int, Answer], verdicts: Verdicts) -> None:
    """Weigh labels that were ruled out into verdicts, in place.

    A given label that is ruled out is changed where another one is then ``CHANGES_AT`` probable;
    else a person should look. Where the annotator is not heeded, nothing changes; nor with two
    classes, where a "not" is an answer like any other.

    Args:
        rows: the run's rows.
        answers: what was said, by row.
        verdicts: what follows from the other answers.
    """
    index = {name: k for k, name in enumerate(rows.class_names)}
    pairs = [
        (row, index[label])
        for row, answer in answers.items()
        for label in answer.rejected
        if label in index and not rows.is_trusted[row]
    ]
    if not pairs or verdicts.alarm or len(index) == 2:
        return
    array = np.array(pairs, dtype=np.int64)
    matrix = complementary_matrix(len(index))
    probs = verdicts.true_label_probs
    changed = Rejections(array[:, 0], array[:, 1], matrix).weigh(probs)
    given = rows.given_labels[changed]
    labelled = given != UNLABELLED
    verdicts.p_error[changed[labelled]] = 1 - probs[changed[labelled], given[labelled]]
    ruled_out = {(row, label) for row, label in pairs}
    for row in changed[labelled].tolist():
        if (row, int(rows.given_labels[row])) not in ruled_out:
            continue
        best = int(probs[row].argmax())
        verdicts.actions[row] = REVIEW
        if best != rows.given_labels[row] and probs[row, best] >= CHANGES_AT:
            verdicts.final_labels[row], verdicts.actions[row] = best, RELABEL
