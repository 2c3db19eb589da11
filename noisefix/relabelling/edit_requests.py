"""Which row's text is to be edited towards which label, as questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from noisefix.annotators.edits import EditQuestion, render_edit
from noisefix.annotators.prompts import Demonstration, PromptStyle
from noisefix.errors import UsageError
from noisefix.relabelling.questions import demonstrations_for
from noisefix.relabelling.rounds import barred_rows
from noisefix.run.folder import RunFolder
from noisefix.run.rows import RunRows, run_has_texts

_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class EditRequest:
    """A text to edit.

    Attributes:
        row: index of the row.
        label: class id that is to be right for the edited text.
        instead_of: class id that the text seems to have; None: not said in the prompt.
    """

    row: int
    label: int
    instead_of: int | None = None


def edit_questions(
    rows: RunRows, requests: Sequence[EditRequest], style: PromptStyle, *, with_examples: bool
) -> Iterator[EditQuestion]:
    """Yield a question for each request, in order.

    Args:
        rows: the run's rows.
        requests: what to ask.
        style: wording.
        with_examples: show the nearest surely clean rows that have the label.
    """
    source = iter(requests)
    while part := list(islice(source, _ROWS_AT_ONCE)):
        examples: list[list[Demonstration]] = [[] for _ in part]
        if with_examples:
            pools = [[request.label] for request in part]
            examples = demonstrations_for(rows, [request.row for request in part], pools)
        for request, shown in zip(part, examples, strict=True):
            other = request.instead_of
            yield render_edit(
                rows.ids[request.row],
                rows.texts[request.row],
                rows.class_names[request.label],
                [example.text for example in shown],
                replace(style, allow_not=False),
                instead_of=None if other is None else rows.class_names[other],
            )


def editable_rows(rows: RunRows, style: PromptStyle) -> np.ndarray:
    """Return (N,) bool: nobody has decided on the row, and its text can be shown as a whole."""
    lengths = np.fromiter(map(len, rows.texts), np.int64, len(rows))
    fits: np.ndarray = ~barred_rows(rows) & (lengths <= style.max_text_chars)
    return fits


def check_has_texts(folder: RunFolder, flag: str) -> None:
    """Refuse a run whose rows are no texts.

    Raises:
        UsageError: they are none.
    """
    if not run_has_texts(folder):
        raise UsageError(
            f"{flag}: edits texts, and the rows of {folder.path} have none",
            "name the texts beside the vectors: noisefix detect --text-column NAME --embeddings "
            "FILE",
        )
