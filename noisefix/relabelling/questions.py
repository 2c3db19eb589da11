"""Render the questions of a relabel run, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from noisefix.annotators.demonstrations import DemonstrationParams, choose_demonstrations
from noisefix.annotators.prompts import Demonstration, PromptStyle, render_question
from noisefix.annotators.protocol import Question
from noisefix.labels import UNLABELLED
from noisefix.relabelling.knowledge import Knowledge
from noisefix.run.rows import RunRows

_ROWS_AT_ONCE = 512
"""Rows whose demonstrations are looked up together; prompts are rendered one by one."""


@dataclass(frozen=True)
class QuestionParams:
    """How rows are asked about.

    Attributes:
        pool: "candidates" (what is plausible) or "all" (every class).
        with_demonstrations: show the nearest, most surely clean rows as examples.
        votes: how often a row is asked, each time with another order of the labels.
        first_vote: the number of the first of these votes.
    """

    pool: str = "candidates"
    with_demonstrations: bool = True
    votes: int = 1
    first_vote: int = 0


def questions(
    rows: RunRows,
    asked: Sequence[int],
    style: PromptStyle,
    params: QuestionParams,
    clean: np.ndarray | None = None,
    knowledge: Knowledge | None = None,
) -> Iterator[Question]:
    """Yield the questions about some rows, in their order.

    Memory does not grow with their number: what is shown is looked up for a few hundred at a time.

    Args:
        rows: the run's rows.
        asked: indices of the rows to ask about.
        style: wording.
        params: how they are asked about.
        clean: indices of the rows that may be shown as examples; None: the most surely clean half
            of each class, by p_error.
        knowledge: passages to show with each question; None: there are none.
    """
    asked = list(asked)
    for start in range(0, len(asked), _ROWS_AT_ONCE):
        part = asked[start : start + _ROWS_AT_ONCE]
        pools = [rows.label_pool(row, everything=params.pool == "all") for row in part]
        shown = demonstrations_for(rows, part, pools, clean) if params.with_demonstrations else None
        for place, (row, pool) in enumerate(zip(part, pools, strict=True)):
            examples = [] if shown is None else shown[place]
            for vote in range(params.first_vote, params.first_vote + params.votes):
                yield render_question(
                    rows.ids[row],
                    rows.texts[row],
                    [rows.class_names[k] for k in pool],
                    examples,
                    style,
                    vote,
                    () if knowledge is None else knowledge.shown(row),
                )


def demonstrations_for(
    rows: RunRows, part: list[int], pools: list[list[int]], clean: np.ndarray | None = None
) -> list[list[Demonstration]]:
    """Return the examples that are shown with each of some rows; see ``questions``.

    Args:
        rows: the run's rows.
        part: indices of the rows asked about.
        pools: class ids that examples are wanted of, for each of them.
        clean: as for ``questions``.
    """
    labels = np.where(rows.written, rows.given_labels, UNLABELLED)
    params = DemonstrationParams()
    if clean is not None:
        is_clean = np.zeros(len(rows), dtype=bool)
        is_clean[clean] = True
        labels[~is_clean] = UNLABELLED
        params = replace(params, clean_share=1.0, max_p_error=1.0)  # somebody has chosen already
    chosen = choose_demonstrations(
        rows.embeddings, labels, rows.p_error, rows.groups, np.array(part), pools, params
    )
    return [
        [
            Demonstration(rows.texts[i], rows.class_names[rows.given_labels[i]])
            for i in line[line >= 0].tolist()
        ]
        for line in chosen
    ]
