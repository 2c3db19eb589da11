"""Answers to edit questions: asked for or found in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from noisefix.annotators.edits import EDITED
from noisefix.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from noisefix.annotators.protocol import Annotator, Answer, Question
    from noisefix.annotators.store import AnswerStore
    from noisefix.relabelling.asker import Asker


def edit_answers(
    annotator: Annotator,
    questions: Sequence[Question],
    store: AnswerStore,
    asker: Asker | None,
) -> tuple[dict[str, Answer], ServiceError | None]:
    """Return the answer of each row, by id, and why not all are there.

    Args:
        annotator: who is asked.
        questions: one a row.
        store: where answers are kept and found.
        asker: asks for what the store does not hold; None: nobody does.

    Raises:
        ServiceError: there were questions, and not one usable answer.
        UsageError: the annotator gives labels only.
    """
    from noisefix.annotators.engine import stored_answers

    _check_writes_texts(annotator)
    answers: dict[str, Answer] = {}
    failure: ServiceError | None = None
    if asker is None:
        answers = {a.id: a for a in stored_answers(annotator, questions, store)}
    else:
        try:
            for answer in asker.ask(questions, len(questions), 1):
                answers[answer.id] = answer  # one by one: those before an error are kept
        except ServiceError as error:
            failure = error
    if questions and all(answer.is_useless for answer in answers.values()):
        raise failure or _nothing_usable(answers, len(questions))
    return answers, failure


def _check_writes_texts(annotator: Annotator) -> None:
    from noisefix.annotators.column import ColumnAnnotator
    from noisefix.annotators.human import HumanAnnotator
    from noisefix.annotators.local import LocalAnnotator

    if isinstance(annotator, ColumnAnnotator | HumanAnnotator | LocalAnnotator):
        raise UsageError(
            f"{type(annotator).__name__} writes no texts",
            "edits are for an OpenAIAnnotator, or an annotator of your own",
        )


def _nothing_usable(answers: dict[str, Answer], n_questions: int) -> ServiceError:
    said = Counter(outcome_of(answer) for answer in answers.values())
    counts = ", ".join(f"{count:,} {kind}" for kind, count in said.most_common()) or "none came"
    return ServiceError(
        f"not one usable answer to {n_questions:,} questions ({counts}); the run folder is as it "
        "was",
        "look at the questions with --dry-run, and ask another --model",
    )


def outcome_of(answer: Answer) -> str:
    """Return in a word what came: an edited text, no edit, or why there is none."""
    return EDITED if answer.is_label else answer.answer or "no answer"
