"""Ask again in other words where the first answer agrees with nothing that is known of the row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from noisefix.annotators.engine import UnansweredError
from noisefix.annotators.votes import combined
from noisefix.annotators.wordings import Flips, count_flips
from noisefix.errors import ServiceError
from noisefix.relabelling.questions import questions

if TYPE_CHECKING:
    from noisefix.annotators.protocol import Answer, Question
    from noisefix.relabelling.asker import Asker
    from noisefix.relabelling.plan import RelabelPlan


class Paraphraser:
    """Asks rows once, and those in dispute, and the random probe, in more wordings.

    A row is in dispute when its answer is neither its given nor its most probable label.

    Args:
        plan: what is asked.
        asker: who asks.
        n_wordings: how often a row in dispute is asked in all.
    """

    def __init__(self, plan: RelabelPlan, asker: Asker, n_wordings: int) -> None:
        self._plan, self._asker, self._n_wordings = plan, asker, n_wordings
        self._votes: dict[str, list[Answer]] = {}

    def ask(self, rows: np.ndarray) -> Iterator[Answer]:
        """Yield one answer a row: the majority over its wordings.

        Where asking ends with an error, the answers that are there are yielded before it is raised.

        Args:
            rows: (R,) indices of the rows.
        """
        place = {self._plan.rows.ids[row]: row for row in rows.tolist()}
        again: list[int] = []
        failure: ServiceError | None = None
        more = self._n_wordings - 1
        try:
            for answer in self._asker.ask(self._questions(rows.tolist(), 0, 1), len(rows), 1):
                if self._is_plain(place[answer.id], answer):
                    yield answer
                else:
                    self._votes[answer.id] = [answer]
                    again.append(place[answer.id])
        except UnansweredError as error:
            failure = error  # a few rows without an answer are no reason not to go on
        except ServiceError as error:
            failure, more = error, 0
        try:
            for answer in self._asker.ask(self._questions(again, 1, more), len(again) * more, 1):
                self._votes[answer.id].append(answer)
        except ServiceError as error:
            failure = error
        for row in again:
            yield combined(self._votes[self._plan.rows.ids[row]])
        if failure is not None:
            raise failure

    def flips(self) -> tuple[Flips, ...]:
        """Return how many answers each wording has changed so far."""
        return count_flips(self._votes.values())

    def _questions(self, rows: Sequence[int], first: int, n_votes: int) -> Iterator[Question]:
        plan = self._plan
        params = replace(plan.options.question_params(), votes=n_votes, first_vote=first)
        style = replace(plan.style, in_other_words=True)
        return questions(plan.rows, rows, style, params, knowledge=plan.knowledge)

    def _is_plain(self, row: int, answer: Answer) -> bool:
        rows = self._plan.rows
        if answer.is_useless or row in self._plan.probe:
            return answer.is_useless
        known = {int(rows.given_labels[row]), int(rows.true_label_probs[row].argmax())}
        return answer.is_label and answer.answer in {rows.class_names[k] for k in known if k >= 0}
