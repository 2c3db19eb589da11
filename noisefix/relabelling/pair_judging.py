"""Which edited texts make a pair: like the text, of the label that was wanted, and another text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.annotators.edits import EDITED, NO_EDIT
from noisefix.annotators.prompts import render_question
from noisefix.encoders.find import TFIDF
from noisefix.errors import ServiceError
from noisefix.labels import UNLABELLED
from noisefix.probing.linear_probe import fit_probe, predict_probs
from noisefix.relabelling.edit_answers import edit_answers, outcome_of
from noisefix.relabelling.edit_requests import EditRequest
from noisefix.relabelling.edit_similarity import Encode, edit_similarities, run_encoder
from noisefix.relabelling.tables import asked_columns

if TYPE_CHECKING:
    from noisefix.annotators.protocol import Annotator, Answer, Question
    from noisefix.annotators.store import AnswerStore
    from noisefix.relabelling.asker import Asker
    from noisefix.relabelling.pair_plan import PairPlan

LEAST_SIMILARITY = 0.6
"""Cosine of a text and its edit from which they are a pair."""


@dataclass(frozen=True, eq=False)
class JudgedPairs:
    """Edits and what the run's models say of them, E edited texts.

    Attributes:
        plan: what was asked.
        answers: to the edits, by row id.
        similarity: of the edited texts to what they were, by row id.
        probe_probs: (K,) probabilities of the label model, by row id.
        measure: the encoder.
    """

    plan: PairPlan
    answers: Mapping[str, Answer]
    similarity: Mapping[str, float]
    probe_probs: Mapping[str, np.ndarray]
    measure: str

    def probe_says(self, request: EditRequest) -> bool:
        """Tell whether the label model gives the edited text the label that was wanted."""
        return int(self.probe_probs[self.plan.rows.ids[request.row]].argmax()) == request.label

    def undecided(self) -> list[EditRequest]:
        """Return the edits that are like their texts, and of which the label model is not sure."""
        found = []
        for request in self.plan.requests:
            like = self.similarity.get(self.plan.rows.ids[request.row])
            if like is not None and like >= LEAST_SIMILARITY and not self.probe_says(request):
                found.append(request)
        return found

    def lines(self, votes: Mapping[str, Answer]) -> list[dict[str, Any]]:
        """Return the rows of the table.

        Args:
            votes: the second votes, by row id.
        """
        rows, found = self.plan.rows, []
        names = rows.class_names
        for request in self.plan.requests:
            key = rows.ids[request.row]
            answer, vote = self.answers.get(key), votes.get(key)
            if answer is None:
                continue
            true = request.instead_of or 0
            probs = self.probe_probs.get(key)
            reason = why_not(
                outcome_of(answer),
                self.similarity.get(key),
                names[request.label],
                None if probs is None else names[int(probs.argmax())],
                None if vote is None else vote.label,
            )
            found.append(
                {
                    "id": key,
                    "text": rows.texts[request.row],
                    "label": names[true],
                    "label_probability": float(rows.true_label_probs[request.row, true]),
                    "edited_label": names[request.label],
                    "outcome": outcome_of(answer),
                    "edited_text": answer.label,
                    "similarity": 1.0
                    if outcome_of(answer) == NO_EDIT
                    else self.similarity.get(key),
                    "probe_label": None if probs is None else names[int(probs.argmax())],
                    "probe_probability": None if probs is None else float(probs[request.label]),
                    "second_vote": None if vote is None else vote.answer,
                    "is_accepted": not reason,
                    "why_not": reason,
                    **asked_columns(answer),
                }
            )
        return found


def why_not(
    outcome: str,
    similarity: float | None,
    wanted: str,
    probe_label: str | None,
    second_vote: str | None,
) -> str:
    """Return why an edited text makes no pair with its text; empty where it does.

    Args:
        outcome: of the question for the edit.
        similarity: cosine of text and edited text; None where there is no edited text.
        wanted: the label that the edited text is to have.
        probe_label: what the label model says of it.
        second_vote: what the annotator says of it; None: was not asked, or says no label.
    """
    if outcome != EDITED or similarity is None:
        return outcome
    if similarity < LEAST_SIMILARITY:
        return f"similarity below {LEAST_SIMILARITY}"
    if wanted not in (probe_label, second_vote):
        return "neither the label model nor a second vote gives it the label"
    return ""


def judge_pairs(plan: PairPlan, answers: Mapping[str, Answer]) -> JudgedPairs:
    """Compare edited texts with what they were, and have the run's label model judge them.

    Args:
        plan: what was asked.
        answers: what came, by row id.

    Raises:
        ModelError: the run's encoder cannot be loaded.
    """
    rows = plan.rows
    place = {key: row for row, key in enumerate(rows.ids)}
    keys = [key for key, answer in answers.items() if answer.is_label]
    edited = [str(answers[key].answer) for key in keys]
    measure, encode = run_encoder(plan.folder, rows.texts, plan.options.device)
    before = [rows.texts[place[key]] for key in keys]
    similarity = edit_similarities(before, edited, encode)
    probs = np.zeros((0, len(rows.class_names)))
    if keys and encode is not None:
        probs = _label_model(plan, encode, measure)(encode(edited))
    return JudgedPairs(
        plan,
        answers,
        dict(zip(keys, similarity.tolist(), strict=True)),
        dict(zip(keys, probs, strict=True)),
        measure,
    )


def _label_model(
    plan: PairPlan, encode: Encode, measure: str
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a linear probe on the most probable labels of all rows but those that were edited.

    Texts that are (nearly) equal to one that was edited are left out too: the edited text is near
    them, and their given label is the one that is wanted.
    """
    rows = plan.rows
    features = encode(rows.texts) if measure == TFIDF else rows.embeddings
    labels = rows.true_label_probs.argmax(axis=1).astype(np.int64)
    left_out = np.isin(rows.groups, rows.groups[plan.asked]) | ~rows.written
    labels[left_out] = UNLABELLED
    weights, intercepts = fit_probe(features, labels, len(rows.class_names))
    return lambda vectors: predict_probs(vectors, weights, intercepts)


def second_votes(
    judged: JudgedPairs, annotator: Annotator, store: AnswerStore, asker: Asker | None
) -> tuple[dict[str, Answer], ServiceError | None]:
    """Ask for the label of the edited texts of which the label model is not sure.

    Args:
        judged: the edits.
        annotator: who is asked.
        store: as for ``edit_answers``.
        asker: likewise.

    Returns:
        The answers, by row id, and why not all are there.
    """
    try:
        return edit_answers(annotator, vote_questions(judged), store, asker)
    except ServiceError as error:  # the edits are there all the same
        return {}, None if asker is None else error


def vote_questions(judged: JudgedPairs) -> list[Question]:
    """Return the questions for the labels of texts that the label model is not sure of."""
    plan = judged.plan
    rows, everything = plan.rows, plan.options.pool == "all"
    questions = []
    for request in judged.undecided():
        key = rows.ids[request.row]
        pool = {*rows.label_pool(request.row, everything=everything), request.label}
        names = [rows.class_names[k] for k in sorted(pool)]
        text = str(judged.answers[key].answer)
        questions.append(render_question(key, text, names, style=plan.style))
    return questions
