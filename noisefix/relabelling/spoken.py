"""A person's answers are decisions: final, and remembered beyond this run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.labels import UNLABELLED
from noisefix.run.decisions import (
    CLASS,
    KEEP,
    UNSURE,
    PersonDecision,
    append_decisions,
    decision_key,
    now,
)
from noisefix.run.settled import run_decisions

if TYPE_CHECKING:
    from noisefix.annotators.protocol import Answer
    from noisefix.relabelling.plan import RelabelPlan


def record_answer(plan: RelabelPlan, answer: Answer) -> None:
    """Append what a person answered, unless it is what they have said before.

    Args:
        plan: what was asked.
        answer: a person's; "none" and "ambiguous" leave the row undecided.

    Raises:
        DataError: the decisions cannot be written.
    """
    rows = plan.rows
    row = rows.ids.index(answer.id)
    code = rows.given_labels[row]
    given = None if code == UNLABELLED else rows.class_names[code]
    kind = UNSURE if not answer.is_label else KEEP if answer.answer == given else CLASS
    label = answer.answer if kind == CLASS else None
    old = run_decisions(plan.folder).get(answer.id)
    if old is not None and (old.decision, old.label, old.who) == (kind, label, answer.model):
        return
    word = PersonDecision(
        key=decision_key(rows.texts[row], given),
        id=answer.id,
        decision=kind,
        label=label,
        who=answer.model,
        when=now(),
        note="" if answer.is_label else str(answer.answer),
        is_random=bool(row in plan.probe),
    )
    append_decisions(plan.folder.decisions, [word])
