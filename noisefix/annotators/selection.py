"""Which rows to ask about, in which order, and what a random probe tells of all rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.annotators.orders import order_keys
from noisefix.annotators.weighing import NO_ANSWER, WEIGHING_MODEL
from noisefix.errors import DataError
from noisefix.labels import UNLABELLED
from noisefix.probability import Z_90

_ACCURACY_UNASKED = 0.75
"""How often an annotator that nobody has asked yet is taken to be right."""

_LEAST_COST = 1e-9


@dataclass(frozen=True)
class RateEstimate:
    """An estimated share with the ends of its 90 % interval, all in [0, 1]."""

    value: float
    low: float
    high: float
    n_probed: int


def rank_rows(
    given_labels: np.ndarray,
    true_label_probs: np.ndarray,
    *,
    costs: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    confusion: np.ndarray | None = None,
    exclude: np.ndarray | None = None,
    order: str = "value",
    seed: int = 0,
) -> np.ndarray:
    """Return the rows worth asking about, the most benefit for its cost first.

    Called again after each batch with what has been learned (``Verdicts.true_label_probs``, the
    confusions, the rows that are settled), it ranks what is left anew. Of near-duplicates only the
    one with the most benefit is named, and its benefit counts for all of them. Ties go to the row
    that is more probably wrong, then to row order.

    Args:
        given_labels: (N,) class ids, -1 = unlabelled: never named.
        true_label_probs: (N, K) P(true label) by all that is known so far.
        costs: (N,) cost of a row's question, tokens or money, > 0; None: all the same.
        groups: (N,) equal numbers for near-duplicates; None: there are none.
        confusion: (K, K) estimated P(answer | true); None: nobody has been asked yet.
        exclude: (N,) bool: rows not to name (answered, trusted); a near-duplicate of such a row
            with the same given label is not named either.
        order: "value"; or another one of ``orders.ORDERS``, whose keys stand for the benefit: that
            of near-duplicates is then the largest of theirs, not the sum.
        seed: of the draws of other orders.

    Returns:
        Row numbers, (M,).
    """
    n_rows = len(given_labels)
    labelled = given_labels != UNLABELLED
    wrong = np.zeros(n_rows)
    kept = true_label_probs[np.flatnonzero(labelled), given_labels[labelled]]
    wrong[labelled] = 1 - kept.astype(np.float64)
    barred = ~labelled if exclude is None else ~labelled | exclude
    if order == "value":
        benefit = expected_benefit(given_labels, true_label_probs, confusion=confusion)
    else:
        benefit = order_keys(
            order, given_labels, true_label_probs, ~barred, confusion=confusion, seed=seed
        )
    cost = np.ones(n_rows) if costs is None else np.maximum(costs.astype(np.float64), _LEAST_COST)
    if groups is None:
        rows = np.flatnonzero(~barred)
        return rows[np.lexsort((rows, -wrong[rows], -(benefit / cost)[rows]))]
    questions = question_numbers(groups, given_labels)
    total = _of_each(questions, benefit, by_sum=order == "value")
    settled = np.zeros(len(total), dtype=bool)
    if exclude is not None:
        settled[questions[exclude & labelled]] = True
    rows = np.flatnonzero(~barred & ~settled[questions])
    rows = rows[np.lexsort((rows, -wrong[rows], -(benefit / cost)[rows]))]
    _, first = np.unique(questions[rows], return_index=True)
    rows = rows[np.sort(first)]
    gain = total[questions[rows]] / cost[rows]
    return rows[np.lexsort((rows, -wrong[rows], -gain))]


def _of_each(questions: np.ndarray, benefit: np.ndarray, *, by_sum: bool) -> np.ndarray:
    """Return the benefit of each question, from that of its rows."""
    n_questions = int(questions.max(initial=-1)) + 1
    if by_sum:
        return np.bincount(questions, weights=benefit, minlength=n_questions)
    largest = np.full(n_questions, -np.inf)
    np.maximum.at(largest, questions, benefit)
    return largest


def expected_benefit(
    given_labels: np.ndarray, true_label_probs: np.ndarray, *, confusion: np.ndarray | None = None
) -> np.ndarray:
    """Return by how much asking about a row should raise the number of right labels.

    For every answer that would change the label: P(it is given and right) less P(it is given and
    the given label was right). Answers that would change nothing count 0, so that a row of which
    all is known, or on which the annotator is useless, is not worth its question.

    Args:
        given_labels: (N,) class ids, -1 = unlabelled: benefit 0.
        true_label_probs: (N, K) P(true label).
        confusion: (K, K) P(answer | true), rows sum to 1; None: right 3 times in 4, otherwise
            any other label.

    Returns:
        (N,) in [0, 1].
    """
    n_rows, n_classes = true_label_probs.shape
    if confusion is None:
        other = (1 - _ACCURACY_UNASKED) / max(n_classes - 1, 1)
        confusion = np.full((n_classes, n_classes), other)
        np.fill_diagonal(confusion, _ACCURACY_UNASKED)
    benefit = np.zeros(n_rows)
    rows = np.flatnonzero(given_labels != UNLABELLED)
    given = given_labels[rows]
    keep = true_label_probs[rows, given].astype(np.float64)
    gained = true_label_probs[rows] * np.diag(confusion)  # (R, K): true, and said so
    lost = keep[:, None] * confusion[given]  # (R, K): given is true, another is said
    change = gained > lost * np.exp(WEIGHING_MODEL.margin)
    change[np.arange(len(rows)), given] = False
    benefit[rows] = np.where(change, gained - lost, 0.0).sum(axis=1)
    return benefit


def spread_to_duplicates(
    answers: np.ndarray, given_labels: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give near-duplicates with the same given label the answer that one of them was given.

    Where several were asked (a probe may name a twin), the first answer in row order is passed on.

    Args:
        answers: (N,) class ids, or negative codes.
        given_labels: (N,) class ids.
        groups: (N,) equal numbers for near-duplicates.

    Returns:
        The answers (N,), and (N,) bool: the row was asked itself (``learn_from`` of ``weigh``).
    """
    asked = answers != NO_ANSWER
    questions = question_numbers(groups, given_labels)
    answered, first = np.unique(questions[asked], return_index=True)
    passed_on = np.full(int(questions.max(initial=-1)) + 1, NO_ANSWER)
    passed_on[answered] = answers[asked][first]
    return np.where(asked, answers, passed_on[questions]), asked


def draw_probe(eligible: np.ndarray, size: int, *, seed: int = 0) -> np.ndarray:
    """Draw the random probe, without replacement; row numbers in row order, (M,).

    Every eligible row has the same chance. Of near-duplicates several may be drawn: whether they
    share an answer is for ``spread_to_duplicates``, not for the draw, which must stay fair.

    Args:
        eligible: (N,) bool: rows that are not flagged and not trusted.
        size: rows wanted; all eligible ones when there are fewer.
        seed: of the draw.

    Raises:
        DataError: size is negative.
    """
    if size < 0:
        raise DataError(f"probe size {size} is negative", "ask for 0 rows or more")
    rows = np.flatnonzero(eligible)
    if len(rows) <= size:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, size, replace=False))


def prediction_powered_rate(
    predicted: np.ndarray, probed: np.ndarray, observed: np.ndarray
) -> RateEstimate:
    """Estimate the mean of something over a finite set from predictions and a random probe.

    The mean prediction over all rows, corrected by the mean error of the predictions on the probe:
    unbiased however bad the predictions are, and the better they are, the narrower. As many
    predictions count as the data say (the power tuning of PPI++), so that it is never much worse
    than the probe alone. The set is the population, so only the probe's sampling is uncertain; two
    pseudo-rows, one of each outcome, keep a probe without a single error from claiming certainty.

    Args:
        predicted: (M,) predictions for every row of the set, in [0, 1].
        probed: (P,) positions of the probed rows, drawn at random.
        observed: (P,) what was found; in [0, 1], or beyond where ``corrected_disagreement`` put it.

    Source: Angelopoulos, Bates, Fannjiang, Jordan, Zrnic 2023, "Prediction-powered inference",
    Science 382, and Angelopoulos, Duchi, Zrnic 2023, "PPI++", arXiv 2311.01453.
    """
    n_rows, n_probed = len(predicted), len(probed)
    if not n_rows:
        return RateEstimate(float("nan"), float("nan"), float("nan"), 0)
    mean = float(predicted.mean())
    if not n_probed:
        return RateEstimate(mean, 0.0, 1.0, 0)
    there = predicted[probed].astype(np.float64)
    tuned = 1.0
    if n_probed > 2 and predicted.var() > 0:
        covariance = float(np.cov(there, observed)[0, 1])
        ratio = n_probed / n_rows
        tuned = float(np.clip(covariance / ((1 + ratio) * predicted.var()), 0.0, 1.0))
    value = tuned * mean + float((observed - tuned * there).mean())
    residuals = np.concatenate([observed - tuned * there, np.array([0.0, 1.0]) - tuned * mean])
    variance = float(residuals.var(ddof=1)) / (n_probed + 2) * (1 - n_probed / n_rows)
    # The interval is centred where the pseudo-rows draw it, as Agresti and Coull's is.
    centre = (value * n_probed + 2 * 0.5) / (n_probed + 2) if n_probed < n_rows else value
    half = Z_90 * float(np.sqrt(variance))
    value = float(np.clip(value, 0.0, 1.0))
    low, high = np.clip([centre - half, centre + half], 0.0, 1.0)
    return RateEstimate(value, float(min(low, value)), float(max(high, value)), n_probed)


def corrected_disagreement(
    disagrees: np.ndarray, false_alarm: float, missed: float
) -> tuple[np.ndarray, bool]:
    """Turn "the annotator contradicts the label" into "the label is wrong", on average.

    Contradictions = rate x (1 - missed) + (1 - rate) x false alarm, solved for the rate row by row:
    single values leave [0, 1], their mean is unbiased when the two chances are right.

    Args:
        disagrees: (P,) bool.
        false_alarm: P(contradicts | label right), in [0, 1].
        missed: P(does not contradict | label wrong), in [0, 1].

    Returns:
        (P,) values, and whether the correction could be made: an annotator that contradicts right
        labels nearly as often as wrong ones tells nothing, and the values are then as they were.

    Source: Rogan and Gladen 1978, "Estimating prevalence from the results of a screening test",
    American Journal of Epidemiology 107(1).
    """
    power = 1 - missed - false_alarm
    if power < 0.1:
        return disagrees.astype(np.float64), False
    return (disagrees.astype(np.float64) - false_alarm) / power, True


def combined_rate(stratum_sizes: np.ndarray, estimates: list[RateEstimate]) -> RateEstimate:
    """Combine the rates of strata that were sampled apart, such as flagged and unflagged rows.

    Args:
        stratum_sizes: (S,) rows in each.
        estimates: of each stratum; an empty stratum does not count.
    """
    share = stratum_sizes / max(stratum_sizes.sum(), 1)
    kept = [(s, e) for s, e in zip(share.tolist(), estimates, strict=True) if s > 0]
    value = sum(s * e.value for s, e in kept)
    low = value - float(np.sqrt(sum((s * (e.value - e.low)) ** 2 for s, e in kept)))
    high = value + float(np.sqrt(sum((s * (e.high - e.value)) ** 2 for s, e in kept)))
    probed = sum(e.n_probed for _, e in kept)
    return RateEstimate(float(value), max(low, 0.0), min(high, 1.0), probed)


def question_numbers(groups: np.ndarray, given_labels: np.ndarray) -> np.ndarray:
    """Number the distinct pairs of group and given label, (N,): one question serves each."""
    pairs = np.column_stack([groups, given_labels])
    _, number = np.unique(pairs, axis=0, return_inverse=True)
    numbers: np.ndarray = np.asarray(number).reshape(-1)
    return numbers
