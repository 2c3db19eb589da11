"""Which rows of a run are asked about, round after round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from noisefix.annotators.protocol import Answer
from noisefix.annotators.selection import draw_probe, rank_rows
from noisefix.annotators.weighing import Verdicts, weigh
from noisefix.labels import UNLABELLED
from noisefix.relabelling.verdicts import answer_arrays
from noisefix.run.rows import RunRows

N_ROUNDS = 4
"""What is learned from the answers is used three times on the way: more changes little."""

_LEAST_PER_ROUND = 20


def first_rows(
    rows: RunRows, n_most: int, n_probe: int, *, order: str = "value", seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to ask about, before anybody has answered, and the random probe among them.

    The probe is spread evenly over the order, itself in random order, so that whatever part of it
    is reached is a fair sample.

    Args:
        rows: the run's rows.
        n_most: rows that may be asked about, the probe included.
        n_probe: unflagged rows to draw; at most half of ``n_most``.
        order: as for ``rank_rows``.
        seed: of the draw.

    Returns:
        Row indices in order, (A,), and those of the probe, (P,).
    """
    labelled = rows.given_labels != UNLABELLED
    barred = barred_rows(rows)
    unflagged = labelled & ~rows.is_issue & ~barred
    probe = draw_probe(unflagged, min(n_probe, n_most // 2), seed=seed)
    settled = barred.copy()
    settled[probe] = True
    ranked = rank_rows(
        rows.given_labels,
        rows.true_label_probs,
        groups=rows.groups,
        exclude=settled,
        order=order,
        seed=seed,
    )[: n_most - len(probe)]
    shuffled = np.random.default_rng(seed).permutation(probe)
    return _spread(ranked, shuffled), probe


def rounds(
    rows: RunRows,
    first: np.ndarray,
    probe: np.ndarray,
    n_most: int,
    answers: Sequence[Answer],
    *,
    offers_all: bool = False,
    order: str = "value",
    seed: int = 0,
) -> Iterator[np.ndarray]:
    """Yield the rows of each round; ``answers`` grows between them.

    The first round takes the planned order; each further one ranks what is left by what the
    answers so far tell of the annotator and of the labels.

    Args:
        rows: the run's rows.
        first: the planned order, from ``first_rows``.
        probe: the random probe: all of it is asked, whatever is learned.
        n_most: rows that may be asked about.
        answers: the answers so far, seen anew before each round.
        offers_all: every class is offered for each row, not just its ``label_pool``.
        order: as for ``rank_rows``.
        seed: likewise.
    """
    size = max(-(-n_most // N_ROUNDS), _LEAST_PER_ROUND)
    asked = np.zeros(len(rows), dtype=bool)
    planned = first
    for _ in range(N_ROUNDS):
        now = planned[: min(size, n_most - int(asked.sum()))]
        if not len(now):
            return
        asked[now] = True
        yield now
        if asked.sum() >= n_most:
            return
        in_random_order = first[np.isin(first, probe)]
        labels, confidence = answer_arrays(rows, {answer.id: answer for answer in answers})
        verdicts = weigh(
            labels,
            rows.given_labels,
            rows.true_label_probs,
            rows.p_error,
            confidence=confidence,
            trusted=rows.is_trusted,
            pools=None if offers_all else rows.offered(np.flatnonzero(labels >= 0)),
            pred_probs=rows.pred_probs,
        )
        planned = _next_order(
            rows, asked, in_random_order, verdicts, n_most - int(asked.sum()), order, seed
        )


def _next_order(
    rows: RunRows,
    asked: np.ndarray,
    probe: np.ndarray,
    verdicts: Verdicts,
    n_left: int,
    order: str,
    seed: int,
) -> np.ndarray:
    settled = asked | barred_rows(rows)
    settled[probe] = True
    ranked = rank_rows(
        rows.given_labels,
        verdicts.true_label_probs,
        groups=rows.groups,
        confusion=verdicts.reliability.confusion,
        exclude=settled,
        order=order,
        seed=seed,
    )
    left = probe[~asked[probe]]
    return _spread(ranked[: n_left - len(left)], left)


def barred_rows(rows: RunRows) -> np.ndarray:
    """Return (N,) bool: rows never asked about: a person has said, or there is no text to read."""
    barred: np.ndarray = rows.is_trusted | ~rows.written
    return barred


def _spread(ranked: np.ndarray, probe: np.ndarray) -> np.ndarray:
    """Put the probe's rows between the others, at equal distances."""
    if not len(probe):
        return ranked
    places = np.linspace(0, len(ranked), len(probe), endpoint=False).astype(np.int64)
    return np.insert(ranked, places, probe)
