"""What ``relabel`` reports: what was asked, what was said, how far it is believed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from noisefix.annotators.protocol import AMBIGUOUS, HUMAN, INVALID, NONE, REFUSED, Answer
from noisefix.annotators.selection import (
    RateEstimate,
    combined_rate,
    corrected_disagreement,
    prediction_powered_rate,
)
from noisefix.annotators.weighing import Verdicts
from noisefix.labels import UNLABELLED
from noisefix.probability import mean_half_width
from noisefix.run.rows import RunRows

_OVERUSED = 1.5
"""A label is over-used when it is answered this many times as often as expected, and ..."""

_OVERUSED_ROWS = 5
"""... at least this many times more."""

LEAST_ANSWERS = 20
"""From fewer answers nothing is estimated."""

_ACCURACY_ERROR = 0.1
"""Half width of the accuracy's 90 % interval with any number of answers: no truth is known."""

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
        other_answers: none, ambiguous, not this one, refused, invalid and no answer, with their
            counts.
        copied: rows that took over the answer to (nearly) the same text.
        relabelled: rows whose label another one replaces.
        kept: rows whose given label stands.
        review: rows that a person should look at.
        alarm: why the annotator was not heeded at all; empty when it was.
        accuracy: estimated share of right answers, with no truth known; None for a person, whose
            word is final, where there is an alarm, and with fewer than ``LEAST_ANSWERS`` answers.
        agreement: (given label, annotator, models, models and given label): share of the answered
            rows on which each two agree; empty with fewer than ``LEAST_ANSWERS``.
        witnesses: what the rows and columns of ``agreement`` are.
        beside: annotators' columns that decided together with the answers.
        overused: labels the annotator over-uses.
        input_tokens: tokens sent for these answers, whenever they were asked.
        output_tokens: tokens received for them.
        cost_usd: what they cost; 0 where no prices are known.
        noise_rate_before: estimated share of wrong labels, as detect saw it.
        noise_rate: the same with the answers weighed in.
        noise_rate_after: the same once ``apply --strategy relabel`` has written them.
        probe_noise_rate: the noise rate of all labelled rows by the random probe, combined with
            p_error by prediction-powered inference; None where fewer than ``LEAST_ANSWERS`` rows
            of the probe have an answer.
        probe_agreement: share of the probed rows on which the annotator agrees with the given
            label; None likewise.
    """

    asked: int
    answered: int
    other_answers: dict[str, int]
    copied: int
    relabelled: int
    kept: int
    review: int
    alarm: str
    accuracy: RateEstimate | None
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
    beside: int = 0


def make_report(
    rows: RunRows,
    own: dict[int, Answer],
    everything: dict[int, Answer],
    labels: np.ndarray,
    verdicts: Verdicts,
    probe: np.ndarray,
    unanswered: int = 0,
    beside: int = 0,
) -> RelabelReport:
    """Sum up what came of the answers.

    Args:
        rows: the run's rows.
        own: answers by the row that was asked.
        everything: the same and the answers handed on to near-duplicates.
        labels: (N,) class ids or ``weighing``'s codes of everything.
        verdicts: what follows from them.
        probe: indices of the random probe.
        unanswered: questions that got no answer.
        beside: annotators' columns that decided together with them.
    """
    probe_rate, probe_agreement = _probe_estimate(rows, labels, verdicts, probe)
    said = Counter(_kind(answer) for answer in own.values())
    if unanswered:
        said["no answer"] = unanswered
    touched = np.array(sorted(everything), dtype=np.int64)
    actions = Counter(verdicts.actions[touched].tolist())
    labelled = rows.given_labels != UNLABELLED
    wrong_after = verdicts.p_error.copy()
    changed = labelled & (verdicts.final_labels != rows.given_labels)
    at_final = verdicts.true_label_probs[np.arange(len(rows)), verdicts.final_labels]
    wrong_after[changed] = 1 - at_final[changed]
    return RelabelReport(
        asked=len(own) + unanswered,
        answered=said.pop("label", 0),
        other_answers=dict(sorted(said.items())),
        copied=len(everything) - len(own),
        relabelled=actions.get("relabel", 0),
        kept=actions.get("keep", 0),
        review=actions.get("review", 0),
        alarm=verdicts.alarm,
        accuracy=_accuracy(own, labels, verdicts),
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
        beside=beside,
    )


def _accuracy(
    own: dict[int, Answer], labels: np.ndarray, verdicts: Verdicts
) -> RateEstimate | None:
    """Estimate how many of the labels answered are right."""
    asked = np.array(sorted(own), dtype=np.int64)
    asked = asked[labels[asked] >= 0]
    by_person = any(answer.annotator == HUMAN for answer in own.values())
    if len(asked) < LEAST_ANSWERS or verdicts.alarm or by_person:
        return None
    right = verdicts.reliability.posterior[asked, labels[asked]]
    value = float(right.mean())
    half = _ACCURACY_ERROR + mean_half_width(right)
    return RateEstimate(value, max(value - half, 0.0), min(value + half, 1.0), len(asked))


def _probe_estimate(
    rows: RunRows, labels: np.ndarray, verdicts: Verdicts, probe: np.ndarray
) -> tuple[RateEstimate | None, float | None]:
    """Estimate the noise rate from the random probe of unflagged rows, and p_error elsewhere.

    Each stratum is estimated on its own. On the unflagged rows the annotator's contradictions on
    the probe correct the mean of p_error, less what its estimated confusions say are its own
    errors; the interval holds what follows if it errs a tenth more or less often. The flagged rows
    were asked because they are suspicious: theirs is the mean of p_error with the answers weighed
    in, with the binomial spread of that.
    """
    answered = probe[labels[probe] >= 0]
    labelled = (rows.given_labels != UNLABELLED) & ~rows.is_trusted
    unflagged = np.flatnonzero(labelled & ~rows.is_issue)
    flagged = np.flatnonzero(labelled & rows.is_issue)
    if len(answered) < LEAST_ANSWERS or verdicts.alarm:
        return None, None
    disagrees = labels[answered] != rows.given_labels[answered]
    confusion = verdicts.reliability.confusion  # [true, answer]
    given = rows.given_labels[answered]
    false_alarm = float(1 - confusion[given, given].mean())
    others = confusion[:, given].sum(axis=0) - confusion[given, given]
    missed = float(others.mean() / max(len(confusion) - 1, 1))
    places = np.searchsorted(unflagged, answered)

    def unflagged_rate(its_errors: float) -> RateEstimate:
        observed, _ = corrected_disagreement(disagrees, its_errors, missed)
        return prediction_powered_rate(rows.p_error[unflagged], places, observed)

    quiet = unflagged_rate(false_alarm)
    # How often the annotator itself errs is an estimate as well, and decides how its contradictions
    # are read.
    lenient = unflagged_rate(false_alarm + _ACCURACY_ERROR)
    strict = unflagged_rate(max(false_alarm - _ACCURACY_ERROR, 0.0))
    quiet = replace(quiet, low=min(lenient.low, quiet.low), high=max(strict.high, quiet.high))
    after = verdicts.p_error[flagged]
    mean = float(after.mean()) if len(after) else 0.0
    half = mean_half_width(after)
    loud = RateEstimate(mean, max(mean - half, 0.0), min(mean + half, 1.0), 0)
    total = combined_rate(np.array([len(unflagged), len(flagged)]), [quiet, loud])
    return total, float(1 - disagrees.mean())


def _kind(answer: Answer) -> str:
    if answer.is_label:
        return "label"
    if answer.rejected:
        return "not this one"
    return answer.answer if answer.answer in (NONE, AMBIGUOUS, REFUSED) else INVALID


def _agreement(
    rows: RunRows, labels: np.ndarray, asked: np.ndarray
) -> tuple[tuple[float, ...], ...]:
    """Return the share of the answered, labelled rows on which each two witnesses agree."""
    chosen = asked[(labels[asked] >= 0) & (rows.given_labels[asked] != UNLABELLED)]
    if len(chosen) < LEAST_ANSWERS:
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
