"""Answers that are in the input already: another annotator's column, or a past LLM run's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from noisefix.annotators.parsing import LabelMatcher
from noisefix.annotators.protocol import (
    AMBIGUOUS,
    INVALID,
    NONE,
    REFUSED,
    Answer,
    Identity,
    Question,
)
from noisefix.errors import DataError

_SAID_WITHOUT_A_LABEL = (NONE, AMBIGUOUS, REFUSED)


class ColumnAnnotator:
    """Looks answers up in a column of the input.

    What the cell says is the answer: a class, also one outside of the row's pool (whoever filled
    the column was not asked with a pool); ``none``, ``ambiguous`` or ``refused`` where no class is
    called so. An empty cell is no answer; anything else is ``invalid``. Case, quotes and ``_`` for
    a blank do not matter where only one class fits.

    Take its answers from ``look_up``, or from ``annotate`` itself: ``engine.ask`` holds answers to
    the pool, asks identical prompts once, and gives up after a run of empty cells, all of which is
    right for a service and wrong for a column. The prompt is not looked at and may be empty.

    Args:
        name: the column.
        values: row id to cell; None or blank: empty.
        class_names: every class of the data.
        confidences: row id to the annotator's own probability of its answer, in [0, 1].
    """

    def __init__(
        self,
        name: str,
        values: Mapping[str, str | None],
        class_names: Sequence[str],
        confidences: Mapping[str, float] | None = None,
    ) -> None:
        self._values, self._names = values, tuple(class_names)
        self._confidences = confidences or {}
        self._classes = LabelMatcher(class_names)
        free = [word for word in _SAID_WITHOUT_A_LABEL if self._classes.match(word) is None]
        self._others = LabelMatcher(free)
        # The input may change under its name: its cells are read anew, never stored.
        self.identity = Identity("column", name, reusable=False)

    def annotate(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Yield one answer for each question, at once and for nothing.

        Raises:
            DataError: the column has no cell for a row that is asked about.
        """
        for question in questions:
            if question.id not in self._values:
                raise DataError(
                    f"column {self.identity.model!r}: no cell for row {question.id!r}",
                    "detect and relabel must read the same input",
                )
            yield self._answer(question)

    def look_up(self, ids: Iterable[str]) -> Iterator[Answer]:
        """Yield the answers to some rows: a column needs no question."""
        return self.annotate(Question(key, self._names, ()) for key in ids)

    def _answer(self, question: Question) -> Answer:
        cell = self._values[question.id]
        answer: str | None = None
        is_label = False
        if cell is not None and cell.strip():
            label = self._classes.match(cell)
            is_label = label is not None
            answer = label if is_label else self._others.match(cell) or INVALID
        return replace(
            question.blank(self.identity),
            answer=answer,
            is_label=is_label,
            confidence=self._confidences.get(question.id) if is_label else None,
            attempts=0,
            error=None if answer is not None else f"column {self.identity.model!r} is empty here",
            raw_answer=cell if answer is not None else None,
        )
