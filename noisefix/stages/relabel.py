"""The relabel stage: answers in, weighed decisions out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

import noisefix
from noisefix.annotators.protocol import AMBIGUOUS, INVALID, NONE, REFUSED, Answer
from noisefix.annotators.selection import (
    RateEstimate,
    combined_rate,
    corrected_disagreement,
    prediction_powered_rate,
)
from noisefix.annotators.weighing import NO_ANSWER, NONE_FITS, Verdicts, weigh
from noisefix.labels import UNLABELLED
from noisefix.redaction import redact
from noisefix.schemas import RELABELS
from noisefix.stages.run_rows import RunRows
from noisefix.tables.parquet import write_table
from noisefix.tables.provenance import Provenance

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.tables.run_folder import RunFolder

_OVERUSED = 1.5
"""A label is over-used when it is answered this many times as often as expected, and ..."""

_OVERUSED_ROWS = 5
"""... at least this many times more."""

_WITNESSES = ("given label", "annotator", "models", "models and given label")


@dataclass(frozen=True)
class Overused:
    """A label that the annotator gives more often than the rest makes plausible."""

    label: str
    answers: int
    expected: float


@dataclass(frozen=True)
class RelabelReport:
    """What was asked, what was said, and what follows.

    Attributes:
        asked: rows asked about (copies of near-duplicates not counted).
        answered: of these, rows that got a label for an answer.
        other_answers: none, ambiguous, refused, invalid and no answer, with their counts.
        copied: rows that took over the answer to (nearly) the same text.
        relabelled: rows whose label another one replaces.
        kept: rows whose given label stands.
        review: rows that a person should look at.
        alarm: why the annotator was not heeded at all; empty when it was.
        accuracy: estimated share of right answers, with no truth known.
        agreement: (given label, annotator, models, models and given label): share of the answered
            rows on which each two agree.
        witnesses: what the rows and columns of ``agreement`` are.
        overused: labels the annotator over-uses.
        input_tokens: tokens sent for these answers, whenever they were asked.
        output_tokens: tokens received for them.
        cost_usd: what they cost; 0 where no prices are known.
        noise_rate_before: estimated share of wrong labels, as detect saw it.
        noise_rate: the same with the answers weighed in.
        noise_rate_after: the same once ``apply --strategy relabel`` has written them.
        probe_noise_rate: the noise rate of all labelled rows by the random probe, combined with
            p_error by prediction-powered inference; None without a probe.
        probe_agreement: share of the probed rows on which the annotator agrees with the given
            label; None without a probe.
    """

    asked: int
    answered: int
    other_answers: dict[str, int]
    copied: int
    relabelled: int
    kept: int
    review: int
    alarm: str
    accuracy: float
    agreement: tuple[tuple[float, ...], ...]
    overused: tuple[Overused, ...]
    input_tokens: int
    output_tokens: int
    cost_usd: float
    noise_rate_before: float
    noise_rate: float
    noise_rate_after: float
    probe_noise_rate: RateEstimate | None
    probe_agreement: float | None
    witnesses: tuple[str, ...] = _WITNESSES


def weigh_and_write(
    folder: RunFolder, rows: RunRows, answers: Sequence[Answer], probe: np.ndarray, *, seed: int = 0
) -> RelabelReport:
    """Weigh the answers and write relabels.parquet.

    Args:
        folder: the run folder.
        rows: its rows.
        answers: one a row at most.
        probe: indices of the rows asked as part of the random probe.
        seed: recorded.
    """
    place = {key: row for row, key in enumerate(rows.ids)}
    own = {place[answer.id]: answer for answer in answers}
    everything = own | _copies(rows, own)
    labels, confidence = answer_arrays(rows, {a.id: a for a in everything.values()})
    learned = np.zeros(len(rows), dtype=bool)
    learned[list(own)] = True
    verdicts = weigh(
        labels,
        rows.given_labels,
        rows.true_label_probs,
        rows.p_error,
        confidence=confidence,
        learn_from=learned,
        trusted=rows.is_trusted,
    )
    table = _table(rows, everything, own, verdicts, probe)
    report = _report(rows, own, everything, labels, verdicts, probe)
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
        if answer.label in index:
            labels[row] = index[answer.label]
        elif answer.answer == NONE and not answer.is_label:
            labels[row] = NONE_FITS
        if answer.confidence is not None:
            confidence[row] = answer.confidence
    return labels, confidence


def _copies(rows: RunRows, own: dict[int, Answer]) -> dict[int, Answer]:
    """Hand each answer on to (nearly) the same texts with the same label that have none."""
    labels = rows.given_labels.tolist()
    keys = list(zip(rows.groups.tolist(), labels, strict=True))
    answered = [(row, own[row]) for row in sorted(own, reverse=True) if own[row].answer is not None]
    of_group = {keys[row]: answer for row, answer in answered}
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
) -> pa.Table:
    import pyarrow as pa

    probed = set(probe.tolist())
    lines: list[dict[str, Any]] = []
    for row in sorted(answers):
        answer = answers[row]
        given = rows.given_labels[row]
        final = verdicts.final_labels[row]
        p_error = float(verdicts.p_error[row])
        lines.append(
            {
                "id": rows.ids[row],
                "given_label": None if given == UNLABELLED else rows.class_names[given],
                "answer": answer.answer,
                "confidence": answer.confidence,
                "final_label": None if final == UNLABELLED else rows.class_names[final],
                "action": str(verdicts.actions[row]),
                "reasons": _reasons(rows, row, answer, row in own, verdicts),
                "annotator": answer.annotator or None,
                "model": answer.model or None,
                "prompt_sha256": answer.prompt_sha256 or None,
                "input_tokens": answer.input_tokens,
                "output_tokens": answer.output_tokens,
                "cost_usd": answer.cost_usd,
                "latency_s": answer.latency_s,
                "attempts": answer.attempts,
                "error": None if answer.error is None else redact(answer.error),
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
    said = answer.answer if answer.answer is not None else "nothing"
    reasons = [f"{who} says {said}" + ("" if is_own else ", of (nearly) the same text")]
    if verdicts.alarm:
        reasons.append(f"not heeded: {verdicts.alarm}")
        return reasons
    before, after = rows.p_error[row], verdicts.p_error[row]
    if not np.isnan(before) and answer.is_label:
        reasons.append(
            f"p(wrong) {before:.2f} before, {after:.2f} with an annotator that is right about "
            f"{verdicts.reliability.accuracy:.0%} of the time"
        )
    return reasons


def _report(
    rows: RunRows,
    own: dict[int, Answer],
    everything: dict[int, Answer],
    labels: np.ndarray,
    verdicts: Verdicts,
    probe: np.ndarray,
) -> RelabelReport:
    probe_rate, probe_agreement = _probe_estimate(rows, labels, verdicts, probe)
    said = Counter(_kind(answer) for answer in own.values())
    touched = np.array(sorted(everything), dtype=np.int64)
    actions = Counter(verdicts.actions[touched].tolist())
    labelled = rows.given_labels != UNLABELLED
    wrong_after = verdicts.p_error.copy()
    changed = labelled & (verdicts.final_labels != rows.given_labels)
    at_final = verdicts.true_label_probs[np.arange(len(rows)), verdicts.final_labels]
    wrong_after[changed] = 1 - at_final[changed]
    return RelabelReport(
        asked=len(own),
        answered=said.pop("label", 0),
        other_answers=dict(sorted(said.items())),
        copied=len(everything) - len(own),
        relabelled=actions.get("relabel", 0),
        kept=actions.get("keep", 0),
        review=actions.get("review", 0),
        alarm=verdicts.alarm,
        accuracy=verdicts.reliability.accuracy,
        agreement=_agreement(rows, labels, np.array(sorted(own), dtype=np.int64)),
        overused=_overused(rows, labels, np.array(sorted(own), dtype=np.int64), verdicts),
        input_tokens=sum(answer.input_tokens or 0 for answer in own.values()),
        output_tokens=sum(answer.output_tokens or 0 for answer in own.values()),
        cost_usd=sum(answer.cost_usd or 0.0 for answer in own.values()),
        noise_rate_before=float(rows.results.get("noise_rate", rows.p_error[labelled].mean())),
        noise_rate=float(verdicts.p_error[labelled].mean()),
        noise_rate_after=float(wrong_after[labelled].mean()),
        probe_noise_rate=probe_rate,
        probe_agreement=probe_agreement,
    )


def _probe_estimate(
    rows: RunRows, labels: np.ndarray, verdicts: Verdicts, probe: np.ndarray
) -> tuple[RateEstimate | None, float | None]:
    """Estimate the noise rate from the random probe of unflagged rows, and p_error elsewhere.

    Each stratum is estimated on its own. On the unflagged rows the annotator's contradictions on
    the probe correct the mean of p_error, less what its estimated confusions say are its own
    errors. The flagged rows were asked because they are suspicious: theirs is the mean of p_error
    with the answers weighed in, with the binomial spread of that.
    """
    answered = probe[labels[probe] >= 0]
    labelled = (rows.given_labels != UNLABELLED) & ~rows.is_trusted
    unflagged = np.flatnonzero(labelled & ~rows.is_issue)
    flagged = np.flatnonzero(labelled & rows.is_issue)
    if not len(answered) or verdicts.alarm:
        return None, None
    disagrees = labels[answered] != rows.given_labels[answered]
    confusion = verdicts.reliability.confusion  # [true, answer]
    given = rows.given_labels[answered]
    false_alarm = float(1 - confusion[given, given].mean())
    others = confusion[:, given].sum(axis=0) - confusion[given, given]
    missed = float(others.mean() / max(len(confusion) - 1, 1))
    observed, _ = corrected_disagreement(disagrees, false_alarm, missed)
    quiet = prediction_powered_rate(
        rows.p_error[unflagged], np.searchsorted(unflagged, answered), observed
    )
    after = verdicts.p_error[flagged]
    mean = float(after.mean()) if len(after) else 0.0
    half = 1.645 * float(np.sqrt((after * (1 - after)).sum())) / max(len(after), 1)
    loud = RateEstimate(mean, max(mean - half, 0.0), min(mean + half, 1.0), 0)
    total = combined_rate(np.array([len(unflagged), len(flagged)]), [quiet, loud])
    return total, float(1 - disagrees.mean())


def _kind(answer: Answer) -> str:
    if answer.answer is None:
        return "no answer"
    if answer.is_label:
        return "label"
    return answer.answer if answer.answer in (NONE, AMBIGUOUS, REFUSED) else INVALID


def _agreement(
    rows: RunRows, labels: np.ndarray, asked: np.ndarray
) -> tuple[tuple[float, ...], ...]:
    """Return the share of the answered, labelled rows on which each two witnesses agree."""
    chosen = asked[(labels[asked] >= 0) & (rows.given_labels[asked] != UNLABELLED)]
    if not len(chosen):
        return ()
    witnesses = np.stack(
        [
            rows.given_labels[chosen],
            labels[chosen],
            rows.pred_probs[chosen].argmax(axis=1),
            rows.true_label_probs[chosen].argmax(axis=1),
        ]
    )
    shares = (witnesses[:, None] == witnesses[None]).mean(axis=2)
    return tuple(tuple(float(share) for share in line) for line in shares)


def _overused(
    rows: RunRows, labels: np.ndarray, asked: np.ndarray, verdicts: Verdicts
) -> tuple[Overused, ...]:
    chosen = asked[labels[asked] >= 0]
    n_classes = len(rows.class_names)
    counts = np.bincount(labels[chosen], minlength=n_classes)
    expected = verdicts.reliability.prior[chosen].sum(axis=0)
    found = [
        Overused(rows.class_names[k], int(counts[k]), float(expected[k]))
        for k in range(n_classes)
        if counts[k] >= _OVERUSED * expected[k] and counts[k] - expected[k] >= _OVERUSED_ROWS
    ]
    return tuple(sorted(found, key=lambda entry: entry.expected - entry.answers))


def _provenance(rows: RunRows, report: RelabelReport, seed: int) -> Provenance:
    return Provenance(
        schema=RELABELS.name,
        version=RELABELS.version,
        noisefix_version=noisefix.__version__,
        class_names=rows.class_names,
        seed=seed,
        inputs=rows.digests,
        results={
            "asked": report.asked,
            "relabelled": report.relabelled,
            "accuracy": report.accuracy,
            "alarm": report.alarm,
            "noise_rate": report.noise_rate,
        },
    )
