"""The relabel stage: answers in, weighed decisions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.annotators.protocol import HUMAN, NONE, Answer
from noisefix.annotators.weighing import NO_ANSWER, NONE_FITS, RELABEL, REVIEW, Verdicts, weigh
from noisefix.labels import UNLABELLED
from noisefix.redaction import redact
from noisefix.relabelling.beside import Beside, Together, settle_together
from noisefix.relabelling.knowledge import Knowledge
from noisefix.relabelling.rejections import answer_of_two, heed_rejections
from noisefix.relabelling.report import RelabelReport, make_report
from noisefix.relabelling.tables import asked_columns
from noisefix.run.parquet import write_table
from noisefix.run.provenance import Provenance
from noisefix.run.rows import RunRows
from noisefix.run.schemas import RELABELS
from noisefix.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder


def weigh_and_write(
    folder: RunFolder,
    rows: RunRows,
    answers: Sequence[Answer],
    probe: np.ndarray,
    *,
    offers_all: bool = False,
    beside: Beside | None = None,
    seed: int = 0,
    knowledge: Knowledge | None = None,
) -> RelabelReport:
    """Weigh the answers and write relabels.parquet.

    A label that a person has answered is final. Flagged rows whose answer decides nothing go to a
    person: no answer is no sign that the given label is right.

    Args:
        folder: the run folder.
        rows: its rows.
        answers: one a row at most; those without an answer do not count as asked.
        probe: indices of the rows asked as part of the random probe.
        offers_all: every class was offered for each row, not just its ``label_pool``.
        beside: annotators' columns that the run has heard; a person is not weighed against them.
        seed: recorded.
        knowledge: the passages that were shown; None: none were.
    """
    place = {key: row for row, key in enumerate(rows.ids)}
    own = {place[answer.id]: answer for answer in answers if answer.answer is not None}
    everything = own | _copies(rows, own)
    labels, confidence = answer_arrays(rows, {a.id: a for a in everything.values()})
    learned, touched, by_person = (np.zeros(len(rows), dtype=bool) for _ in range(3))
    learned[list(own)] = True
    touched[list(everything)] = True
    by_person[[row for row, answer in own.items() if answer.annotator == HUMAN]] = True
    verdicts = weigh(
        labels,
        rows.given_labels,
        rows.true_label_probs,
        rows.p_error,
        confidence=confidence,
        learn_from=learned,
        trusted=rows.is_trusted,
        final=by_person & (labels >= 0),
        pools=None if offers_all else rows.offered(np.flatnonzero(touched)),
        pred_probs=rows.pred_probs,
    )
    together = None
    if beside is not None and not by_person.any():
        decides = labels != NO_ANSWER
        decides[[row for row, answer in everything.items() if answer.rejected]] = True
        together = settle_together(
            rows, beside, labels, verdicts, learned=learned, decides=decides, seed=seed
        )
        verdicts = together.verdicts
    heed_rejections(rows, everything, verdicts)
    undecided = touched & rows.is_issue & ((labels == NO_ANSWER) | bool(verdicts.alarm))
    undecided &= verdicts.actions != RELABEL
    verdicts.actions[undecided] = REVIEW
    table = _table(rows, everything, own, verdicts, probe, knowledge, together)
    n_silent = len(answers) - len(own)
    n_beside = 0 if together is None else together.n_columns
    report = make_report(rows, own, everything, labels, verdicts, probe, n_silent, n_beside)
    write_table(table, folder.relabels, RELABELS, _provenance(rows, report, seed))
    return report


def answer_arrays(rows: RunRows, answers: Mapping[str, Answer]) -> tuple[np.ndarray, np.ndarray]:
    """Return what was answered as class ids (or ``weighing``'s codes), and the confidences.

    Args:
        rows: the run's rows.
        answers: row id to answer.

    Returns:
        (N,) int64 and (N,) float64, NaN where no confidence is known.
    """
    index = {name: k for k, name in enumerate(rows.class_names)}
    labels = np.full(len(rows), NO_ANSWER)
    confidence = np.full(len(rows), np.nan)
    for row, key in enumerate(rows.ids):
        answer = answers.get(key)
        if answer is None:
            continue
        label = answer.label or answer_of_two(answer, rows.class_names)
        if label in index:
            labels[row] = index[label]
        elif answer.answer == NONE and not answer.is_label:
            labels[row] = NONE_FITS
        if answer.confidence is not None:
            confidence[row] = answer.confidence
    return labels, confidence


def _copies(rows: RunRows, own: dict[int, Answer]) -> dict[int, Answer]:
    """Hand each answer on to (nearly) the same texts with the same label that have none."""
    labels = rows.given_labels.tolist()
    keys = list(zip(rows.groups.tolist(), labels, strict=True))
    of_group = {keys[row]: own[row] for row in sorted(own, reverse=True)}
    return {
        row: replace(
            of_group[key],
            id=rows.ids[row],
            reused=True,
            cost_usd=0.0,
            input_tokens=0,
            output_tokens=0,
        )
        for row, key in enumerate(keys)
        if row not in own and key in of_group
    }


def _table(
    rows: RunRows,
    answers: dict[int, Answer],
    own: dict[int, Answer],
    verdicts: Verdicts,
    probe: np.ndarray,
    knowledge: Knowledge | None,
    together: Together | None,
) -> pa.Table:
    import pyarrow as pa

    probed = set(probe.tolist())
    lines: list[dict[str, Any]] = []
    for row in sorted(answers):
        answer = answers[row]
        given = rows.given_labels[row]
        final = verdicts.final_labels[row]
        p_error = float(verdicts.p_error[row])
        by_columns = together is not None and together.is_vouched[row]
        lines.append(
            {
                "id": rows.ids[row],
                "given_label": None if given == UNLABELLED else rows.class_names[given],
                "answer": answer.answer,
                "confidence": answer.confidence,
                "final_label": None if final == UNLABELLED else rows.class_names[final],
                "action": str(verdicts.actions[row]),
                "reasons": _reasons(rows, row, answer, row in own, verdicts)
                + _beside_reasons(row, together)
                + ([] if knowledge is None or row not in own else [knowledge.named(row)]),
                **asked_columns(answer),
                **({"annotator": None} if by_columns else {}),
                "raw_answer": None if answer.raw_answer is None else redact(answer.raw_answer),
                "p_error": None if np.isnan(p_error) else round(p_error, 6),
                "is_probe": row in probed,
            }
        )
    return pa.Table.from_pylist(lines, schema=RELABELS.arrow())


def _reasons(
    rows: RunRows, row: int, answer: Answer, is_own: bool, verdicts: Verdicts
) -> list[str]:
    who = answer.model or answer.annotator or "the annotator"
    if answer.annotator == HUMAN:
        who = answer.model or "a person"
    said = answer.answer if answer.answer is not None else "nothing"
    reasons = [f"{who} says {said}" + ("" if is_own else ", of (nearly) the same text")]
    if verdicts.alarm:
        reasons.append(f"not heeded: {verdicts.alarm}")
        return reasons
    before, after = rows.p_error[row], verdicts.p_error[row]
    if not np.isnan(before) and (answer.is_label or answer.rejected):
        reasons.append(f"p(wrong) {before:.2f} before the answer, {after:.2f} with it")
    return reasons


def _beside_reasons(row: int, together: Together | None) -> list[str]:
    if together is not None and together.is_vouched[row]:
        return ["the annotators' columns vouch for another label, whatever was answered"]
    if together is not None and together.is_unconfirmed[row]:
        return ["together with the annotators' columns it is not sure enough to change the label"]
    return []


def _provenance(rows: RunRows, report: RelabelReport, seed: int) -> Provenance:
    return Provenance(
        schema=RELABELS.name,
        version=RELABELS.version,
        noisefix_version=__version__,
        class_names=rows.class_names,
        seed=seed,
        inputs=rows.digests,
        results={
            "asked": report.asked,
            "relabelled": report.relabelled,
            "accuracy": None if report.accuracy is None else report.accuracy.value,
            "alarm": report.alarm,
            "noise_rate": report.noise_rate,
        },
    )
