"""Rows in an order: what the labels before and after say of a label.

Turns of a conversation, lines of a log, sentences of a review: the label of a row often follows
from those around it. A hidden Markov chain over the true labels turns that into a prior for each
row. Its emissions are the likelihood ratios that the text and the given label have come to already;
its transitions are estimated from them. The prior counts only where it explains given labels that
it has not seen: on rows in no order it must change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probability import log_odds, sigmoid
from noisefix.probing.hidden_chain import Sequences, messages, transitions
from noisefix.probing.hypotheses import Hypotheses
from noisefix.probing.readings import Read

MOST_CLASSES = 500
"""With more, the transitions are too many to be estimated, or held."""

_LONGEST = 200
"""Longer sequences are cut, so that many are computed at once; a cut costs two rows a message."""

_N_FOLDS = 5
_LEAST_PARTS = 4 * _N_FOLDS
_SHORTEST = 10

_STRENGTHS = (0.25, 0.5, 0.75, 1.0)
_ENOUGH_ERRORS = 2.0
_MOST_LOG_RATIO = 4.0
_NOTHING = 1e-9
_SORTED_LENGTH = 4


@dataclass(frozen=True, eq=False)
class Chain:
    """What the rows before and after say.

    Attributes:
        is_used: it explains given labels that it has not seen.
        gain: by how much the log loss of the given labels falls, in nats a row, if the chain's
            prior takes the place of the class shares.
        gain_error: its standard error.
        text_gain: the same where the texts have been looked at already.
        text_gain_error: its standard error.
        n_rows: labelled rows in sequences.
        log_ratio: (N, K) log of the prior over the class shares; 0 where nothing is said.
        refused: why it was not even tried; empty where it was.
    """

    is_used: bool
    gain: float
    gain_error: float
    text_gain: float
    text_gain_error: float
    n_rows: int
    log_ratio: np.ndarray
    refused: str = ""


def smooth(
    true_label_probs: np.ndarray,
    text_probs: np.ndarray,
    given_labels: np.ndarray,
    sequences: Sequences,
    seed: int = 0,
) -> Chain:
    """Let the rows of each sequence tell of each other, if that explains given labels.

    The test: transitions are estimated from four fifths of the sequences, and give each row of the
    others a prior in which its own text and label have no part. The log loss of its given label
    must fall against the class shares, and that of the texts' probabilities when the prior is
    multiplied in, both by two standard errors over sequences. How strongly it is multiplied in (the
    power of the ratio) is chosen by the latter.

    Args:
        true_label_probs: (N, K) P(true label | text, given label); rows sum to 1.
        text_probs: (N, K) out-of-sample probabilities from the text alone.
        given_labels: (N,) class ids in 0..K-1, -1 = unlabelled.
        sequences: where the rows stand.
        seed: of the folds.

    Source: Rabiner 1989, "A tutorial on hidden Markov models", section III (forward-backward,
    re-estimation of the transitions); the emissions stay as they are. The test is noisefix's own.
    """
    whole = sequences.parts()
    parts = _cut(whole)
    silent = np.zeros(true_label_probs.shape, dtype=np.float32)
    refused = _refusal(whole, parts, given_labels, true_label_probs.shape[1])
    if refused:
        return Chain(False, 0.0, 0.0, 0.0, 0.0, 0, silent, refused)
    shares = true_label_probs.mean(axis=0, dtype=np.float64)
    emissions = true_label_probs / np.maximum(shares, 1e-9)
    folds = np.random.default_rng(seed).permutation(len(parts)) % _N_FOLDS
    ratios = np.ones(true_label_probs.shape)
    for fold in range(_N_FOLDS):
        kept = [part for part, at in zip(parts, folds, strict=True) if at != fold]
        held = [part for part, at in zip(parts, folds, strict=True) if at == fold]
        messages(held, emissions, shares, transitions(kept, emissions, shares), ratios)
    tested = [part[given_labels[part] != UNLABELLED] for part in parts]
    tested = [part for part in tested if len(part)]
    log_ratios = np.clip(np.log(ratios), -_MOST_LOG_RATIO, _MOST_LOG_RATIO)
    gain, error = _mean_gain(_over_shares(log_ratios, shares, given_labels), tested)
    by_text = [
        _mean_gain(_over_text(power * log_ratios, text_probs, given_labels), tested)
        for power in _STRENGTHS
    ]
    best = int(np.argmax([mean for mean, _ in by_text]))
    text_gain, text_error = by_text[best]
    is_used = gain > _ENOUGH_ERRORS * error and text_gain > _ENOUGH_ERRORS * text_error
    facts = (gain, error, text_gain, text_error, sum(map(len, tested)))
    if not is_used:
        return Chain(False, *facts, silent)
    ratios = np.ones(true_label_probs.shape)
    messages(parts, emissions, shares, transitions(parts, emissions, shares), ratios)
    found = _STRENGTHS[best] * np.clip(np.log(ratios), -_MOST_LOG_RATIO, _MOST_LOG_RATIO)
    found[np.abs(found) < _NOTHING] = 0.0
    return Chain(True, *facts, found.astype(np.float32))


def _refusal(
    whole: Sequence[np.ndarray], parts: Sequence[np.ndarray], given: np.ndarray, n_classes: int
) -> str:
    """Say why the chain cannot be tried; empty where it can."""
    if n_classes > MOST_CLASSES:
        return f"{n_classes:,} classes are too many to learn what follows what"
    labelled = [given[part][given[part] != UNLABELLED] for part in whole]
    if len(parts) < _N_FOLDS or sum(map(len, labelled)) < _LEAST_PARTS:
        return "too few rows are in a sequence to learn what follows what"
    runs = sum(1 + int((np.diff(part) != 0).sum()) for part in labelled if len(part))
    kinds = sum(len(np.unique(part)) for part in labelled)
    if kinds > len(whole) and runs == kinds and sum(map(len, labelled)) >= _SORTED_LENGTH * runs:
        return "the rows are sorted by their labels, so that the order comes from the labels"
    return ""


def _cut(whole: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cut long sequences, and few ones into enough parts to learn from some and test on others."""
    total = sum(map(len, whole))
    longest = min(_LONGEST, max(total // _LEAST_PARTS, _SHORTEST))
    parts: list[np.ndarray] = []
    for rows in whole:
        parts += np.array_split(rows, -(-len(rows) // longest))
    return [part for part in parts if len(part) > 1]


def _over_shares(log_ratios: np.ndarray, shares: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return (N,) by how much the prior says a given label better than the shares."""
    prior = np.exp(log_ratios) * shares
    rows, labels = np.arange(len(given)), np.maximum(given, 0)
    gains: np.ndarray = log_ratios[rows, labels] - np.log(prior.sum(axis=1) / shares.sum())
    return gains


def _over_text(log_ratios: np.ndarray, text_probs: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return (N,) by how much text and prior together say a given label better than the text."""
    text = np.maximum(text_probs.astype(np.float64), 1e-4)
    text /= text.sum(axis=1, keepdims=True)
    rows, labels = np.arange(len(given)), np.maximum(given, 0)
    gains: np.ndarray = log_ratios[rows, labels] - np.log((text * np.exp(log_ratios)).sum(axis=1))
    return gains


def _mean_gain(gains: np.ndarray, parts: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the mean over the rows of the parts, and its standard error over parts."""
    sums = np.array([gains[part].sum() for part in parts])
    sizes = np.array([len(part) for part in parts])
    mean = sums.sum() / sizes.sum()
    spread = np.sqrt(((sums - mean * sizes) ** 2).sum() * len(parts) / max(len(parts) - 1, 1))
    return float(mean), float(spread / sizes.sum())


def with_chain(
    hypotheses: Hypotheses,
    readings: Read,
    true_label_probs: np.ndarray,
    given_labels: np.ndarray,
    chain: Chain,
) -> tuple[Hypotheses, Read]:
    """Count what the chain says in both readings, in their mixture, and in what is right instead.

    Args:
        hypotheses: of N rows.
        readings: of the same rows.
        true_label_probs: (N, K) what the chain was made of.
        given_labels: (N,) class ids, -1 = unlabelled.
        chain: of the same rows.

    Returns:
        The very same objects where the chain is not used.
    """
    if not chain.is_used or not chain.log_ratio.any():
        return hypotheses, readings
    shift = odds_shift(true_label_probs, given_labels, chain.log_ratio)
    only = sigmoid(log_odds(readings.only) + shift[:, None])
    silent = shift == 0
    only[silent] = readings.only[silent]
    logits = hypotheses.label_logits + chain.log_ratio
    return (
        replace(hypotheses, label_logits=logits),
        replace(readings, base=readings.base + shift, only=only),
    )


def odds_shift(
    true_label_probs: np.ndarray, given_labels: np.ndarray, log_ratio: np.ndarray
) -> np.ndarray:
    """Return (N,) what a prior adds to the log-odds that the given label is wrong.

    Args:
        true_label_probs: (N, K) probabilities before the prior.
        given_labels: (N,) class ids, -1 = unlabelled, which gets 0.
        log_ratio: (N, K) log of the prior over the class shares.
    """
    shift = np.zeros(len(given_labels))
    rows = np.flatnonzero((given_labels != UNLABELLED) & log_ratio.any(axis=1))
    labels, index = given_labels[rows], np.arange(len(rows))
    others = np.maximum(true_label_probs[rows].astype(np.float64), 1e-12)
    others[index, labels] = 0
    others /= others.sum(axis=1, keepdims=True)
    ratio = np.exp(log_ratio[rows].astype(np.float64))
    shift[rows] = np.log((others * ratio).sum(axis=1)) - log_ratio[rows, labels]
    return np.clip(shift, -_MOST_LOG_RATIO, _MOST_LOG_RATIO)
