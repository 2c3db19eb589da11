"""Asks an annotator about rows in the middle of a training: what NoiseAL calls ``annotate``.

Answers are kept in the run folder's store, as ``relabel`` keeps them: no question is paid for
twice. An answer that ``relabel`` was given about a row, by the same annotator with the same
options, is taken over, though its prompt showed other examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from noisefix.annotators.column import ColumnAnnotator
from noisefix.annotators.engine import UnansweredError, stored_answers
from noisefix.annotators.prompts import check_label_names
from noisefix.annotators.protocol import NOT_LABELS
from noisefix.annotators.store import STORE_NAME, AnswerStore
from noisefix.annotators.votes import majority
from noisefix.errors import ServiceError
from noisefix.progress import Progress
from noisefix.relabelling.asker import Asker
from noisefix.relabelling.questions import questions
from noisefix.relabelling.verdicts import answer_arrays
from noisefix.training.division import NOT_ASKED

if TYPE_CHECKING:
    from noisefix.annotators.progress import AskProgress
    from noisefix.annotators.protocol import Annotator, Answer, Question
    from noisefix.relabelling.options import AskOptions
    from noisefix.run.folder import RunFolder
    from noisefix.run.rows import RunRows


@dataclass(frozen=True)
class AskingReport:
    """What was asked in a training, since it was started or last went on.

    Attributes:
        asked: rows that the annotator was asked about.
        answered: of these, rows that got a label for an answer.
        other_answers: none, ambiguous, refused, invalid and no answer, with their counts.
        reused: rows whose answer was in the store.
        input_tokens: tokens sent for these answers, whenever they were asked.
        output_tokens: tokens received for them.
        cost_usd: what they cost; 0 where no prices are known.
        notes: what a user should know of the answers: that many cannot be used, say.
    """

    asked: int
    answered: int
    other_answers: dict[str, int]
    reused: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    notes: tuple[str, ...] = ()


class TrainingQuestions:
    """Puts questions about rows of a run; a context manager.

    When the service fails or a budget is reached, ``failure`` says so, what was answered counts,
    and nobody is asked any more: the training goes on.

    Args:
        folder: the run folder; its store is opened and held.
        rows: its rows, in the order of the training data.
        annotator: who is asked.
        options: wording, votes and budget.
        progress: called with how far the asking has come.

    Raises:
        DataError: the store cannot be used, or a label is too long to be asked about.
        ServiceError: another process is asking with this store.
    """

    def __init__(
        self,
        folder: RunFolder,
        rows: RunRows,
        annotator: Annotator,
        options: AskOptions,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._stopped: ServiceError | None = None
        self._unanswered: UnansweredError | None = None
        self._rows, self._annotator, self._options = rows, annotator, options
        self._style, self._params = options.style(), options.question_params()
        self._answers: dict[str, Answer] = {}
        self._stack = ExitStack()
        self._progress = progress
        self._asker: Asker | None = None
        self._store: AnswerStore | None = None
        options.budget()  # complains now, not in the middle of a training
        if not isinstance(annotator, ColumnAnnotator):
            check_label_names(rows.class_names)
            self._store = self._stack.enter_context(AnswerStore(folder.path / STORE_NAME))
            self._asker = Asker(annotator, options, self._store, self._tell)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(self, rows: np.ndarray, clean: np.ndarray) -> np.ndarray:
        """Return (A,) class ids or codes of the answers; see ``noiseal.Annotate``."""
        if self._stopped is not None:
            return np.full(len(rows), NOT_ASKED)
        found: dict[str, Answer] = {}
        try:
            for answer in self._ask(rows, clean):
                found[answer.id] = answer  # one by one: those before an error are kept
        except UnansweredError as error:
            self._unanswered = error
        except ServiceError as error:
            self._stopped = error
        self._answers |= found
        codes = answer_arrays(self._rows, found)[0][rows]
        was_asked = np.array([self._rows.ids[row] in found for row in rows.tolist()], bool)
        return np.where(was_asked, codes, NOT_ASKED)

    def offered(self, asked: np.ndarray) -> np.ndarray | None:
        """Return the labels offered for the rows asked; see ``noiseal.Annotate``."""
        if self._options.pool == "all" or isinstance(self._annotator, ColumnAnnotator):
            return None
        return self._rows.offered(asked)

    @property
    def failure(self) -> ServiceError | None:
        """Why not every question has an answer; None when all went well."""
        return self._stopped or self._unanswered

    def report(self) -> AskingReport:
        """Return what was asked in this process."""
        answers = self._answers.values()
        said = Counter(_kind(answer) for answer in answers)
        return AskingReport(
            asked=len(answers),
            answered=said.pop("label", 0),
            other_answers=dict(sorted(said.items())),
            reused=sum(answer.reused for answer in answers),
            input_tokens=sum(answer.input_tokens or 0 for answer in answers),
            output_tokens=sum(answer.output_tokens or 0 for answer in answers),
            cost_usd=sum(answer.cost_usd or 0.0 for answer in answers),
            notes=() if self._asker is None else self._asker.notes,
        )

    def _ask(self, rows: np.ndarray, clean: np.ndarray) -> Iterator[Answer]:
        if isinstance(self._annotator, ColumnAnnotator):
            yield from self._annotator.look_up(self._rows.ids[row] for row in rows.tolist())
            return
        assert self._asker is not None
        known = set()
        for answer in self._known(rows):
            known.add(answer.id)
            yield answer
        new = np.array([r for r in rows.tolist() if self._rows.ids[r] not in known], np.int64)
        yield from self._asker.ask(self._questions(new, clean), len(new))

    def _known(self, rows: np.ndarray) -> Iterator[Answer]:
        """Yield what relabel was answered about these rows, where all votes are there."""
        if self._store is None or not self._store.totals().answers:
            return
        votes: dict[str, list[Answer]] = {}
        for answer in stored_answers(self._annotator, self._questions(rows), self._store):
            votes.setdefault(answer.id, []).append(answer)
        for cast in votes.values():
            if len(cast) == self._options.votes:
                yield from majority(cast, self._options.votes)

    def _questions(self, rows: np.ndarray, clean: np.ndarray | None = None) -> Iterator[Question]:
        return questions(self._rows, rows.tolist(), self._style, self._params, clean)

    def _tell(self, step: AskProgress) -> None:
        if self._progress is not None and step.total:
            self._progress(Progress("ask", step.done, step.total, "rows", step.remaining_s))


def _kind(answer: Answer) -> str:
    if answer.answer is None:
        return "no answer"
    return answer.answer if answer.answer in NOT_LABELS and not answer.is_label else "label"
