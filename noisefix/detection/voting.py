"""Annotators' answers weighed into what detect has estimated."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from noisefix.labels import UNLABELLED, class_names
from noisefix.probability import Interval, log_odds, sigmoid
from noisefix.probing.error_model import ErrorEstimate
from noisefix.probing.voted import Probe, Voted, combine
from noisefix.probing.voter_quality import VoterQuality, judge_voters
from noisefix.probing.voters import LEAST_OF_NEW, Screened, Voter, screen, without_lone_classes

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.probing.complementary import Rejections
    from noisefix.vectors import Vectors

_LEAST_SHARE_OF_NEW = 0.005
"""Of an annotator's answers, beside ``LEAST_OF_NEW``: fewer of a label are slips."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Annotators' answers as classes.

    Attributes:
        voters: one an annotator, in the order in which they were named.
        other_answers: how many answers of each are no class.
        new_names: names of classes that only annotators give, in canonical order.
    """

    voters: tuple[Voter, ...]
    other_answers: tuple[int, ...]
    new_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Heard:
    """What annotators have told.

    Attributes:
        answers: what they say.
        screened: who is listened to.
        voted: what all come to.
        quality: what is known of each.
        given_counts: the given labels are an annotator of their own.
        unheard: (N, K) P(true label) before they were heard.
    """

    answers: Answers
    screened: tuple[Screened, ...]
    voted: Voted
    quality: tuple[VoterQuality, ...]
    given_counts: bool
    unheard: np.ndarray

    def part(self, first: int, last: int) -> Heard:
        """Return who was heard of the rows first..last-1, numbered from 0; the rest stays."""
        voters = tuple(_within(voter, first, last) for voter in self.answers.voters)
        voted = replace(self.voted, is_vouched=self.voted.is_vouched[first:last])
        unheard = self.unheard[first:last]
        answers = replace(self.answers, voters=voters)
        return replace(self, answers=answers, voted=voted, unheard=unheard)


def _within(voter: Voter, first: int, last: int) -> Voter:
    start, end = np.searchsorted(voter.rows, (first, last)).tolist()
    return Voter(voter.name, voter.rows[start:end] - first, voter.labels[start:end])


def encode_answers(table: pa.Table, ids: Sequence[str], names: tuple[str, ...]) -> Answers:
    """Turn answers into classes.

    An answer is the class of that name, or the only one whose name differs in case alone. Any other
    label is a class, too, if two annotators each give it to three rows and to .5 % of theirs;
    answers that are none count as no answer.

    Args:
        table: id, annotator, label; one row an answer.
        ids: (N,) ids of the rows judged; answers about others are left out.
        names: (K,) classes that rows were given.
    """
    place = {key: row for row, key in enumerate(ids)}
    said: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for key, annotator, label in zip(
        *(table[column].to_pylist() for column in ("id", "annotator", "label")), strict=True
    ):
        answers = said[annotator]
        if key in place:
            answers.append((place[key], label))
    meaning = _meanings({label for answers in said.values() for _, label in answers}, names)
    meant = [[meaning[label] for _, label in answers] for answers in said.values()]
    new = class_names(shared_labels(meant) - set(names)) if len(said) > 1 else ()
    index = {name: k for k, name in enumerate((*names, *new))}
    voters, others = [], []
    for annotator, answers in said.items():
        rows = np.array([row for row, _ in answers], dtype=np.int64)
        labels = np.array(
            [index.get(meaning[label], UNLABELLED) for _, label in answers], dtype=np.int64
        )
        kept = np.flatnonzero(labels != UNLABELLED)
        kept = kept[np.argsort(rows[kept], kind="stable")]
        voters.append(Voter(annotator, rows[kept], labels[kept]))
        others.append(len(rows) - len(kept))
    return Answers(tuple(voters), tuple(others), new)


def _meanings(labels: set[str], names: tuple[str, ...]) -> dict[str, str]:
    """Return the class that each answer means, or the answer itself."""
    folded = Counter(name.casefold() for name in names)
    by_folded = {name.casefold(): name for name in names if folded[name.casefold()] == 1}
    return {
        label: label if label in names else by_folded.get(label.casefold(), label)
        for label in labels
    }


def shared_labels(said: Sequence[Sequence[str]]) -> set[str]:
    """Return the labels that are classes: two annotators each give them to several rows.

    Several: three, and .5 % of their answers. Of an annotator that is alone they all are that it
    gives so often.

    Args:
        said: the answers of each annotator.
    """
    givers: Counter[str] = Counter()
    for answers in said:
        least = max(LEAST_OF_NEW, _LEAST_SHARE_OF_NEW * len(answers))
        givers.update(label for label, count in Counter(answers).items() if count >= least)
    least_givers = min(2, len(said))
    return {label for label, count in givers.items() if count >= least_givers}


def hear(
    answers: Answers,
    estimate: ErrorEstimate,
    given_labels: np.ndarray,
    verified_labels: np.ndarray,
    probe: Probe,
    *,
    given_counts: bool,
    ruled_out: Sequence[Rejections] = (),
) -> tuple[Heard, ErrorEstimate]:
    """Weigh answers into an estimate.

    Args:
        answers: what annotators say.
        estimate: of N rows and K classes, those that only annotators give among them.
        given_labels: (N,) class ids, -1 = unlabelled.
        verified_labels: (N,) class ids that a person has verified, -1 = not verified; K or above:
            a class that nobody gives.
        probe: see ``noisefix.probing.voted.Probe``.
        given_counts: the given labels are an annotator of their own.
        ruled_out: what a person has ruled out, which no vote brings back.

    Returns:
        What was heard, and the estimate in its light.
    """
    anchor, voters = estimate.true_label_probs, answers.voters
    screened, voted = listen(
        voters,
        anchor,
        given_labels,
        verified_labels,
        probe,
        n_new=len(answers.new_names),
        given_counts=given_counts,
    )
    used = [place for place, one in enumerate(screened) if one.is_used]
    for rejected in ruled_out:
        rejected.weigh(voted.posterior)
    quality = judge_voters(voters, used, given_labels, voted, given_counts=given_counts)
    found = Heard(answers, screened, voted, quality, given_counts, anchor)
    if not used:
        return found, estimate
    return found, _in_the_light_of(estimate, voted, given_labels)


def listen(
    voters: Sequence[Voter],
    anchor: np.ndarray,
    given_labels: np.ndarray,
    verified_labels: np.ndarray,
    probe: Probe,
    *,
    n_new: int = 0,
    given_counts: bool = True,
) -> tuple[tuple[Screened, ...], Voted]:
    """Screen annotators, and make one posterior of what those say that are listened to.

    Args:
        voters: the annotators.
        anchor: (N, K) P(true label) before they are heard.
        given_labels: (N,) class ids, -1 = unlabelled.
        verified_labels: as for ``hear``.
        probe: see ``noisefix.probing.voted.Probe``.
        n_new: how many of the K classes, the last ones, only annotators give.
        given_counts: the given labels are an annotator of their own.
    """
    anchor = anchor.astype(np.float64)
    n_classes = anchor.shape[1]
    # Where the given labels are the vote, who says the same is no copy of them; unless alone.
    is_other = given_counts or len(voters) < 2
    nobody = np.full(len(given_labels), UNLABELLED)
    screened = screen(voters, given_labels if is_other else nobody, anchor)
    new = range(n_classes - n_new, n_classes)
    used = [voter for voter, one in zip(voters, screened, strict=True) if one.is_used]
    is_new_to_all = verified_labels >= n_classes
    voted = combine(
        anchor,
        given_labels,
        [_without_rows(voter, is_new_to_all) for voter in without_lone_classes(used, new)],
        probe,
        known_labels=np.where(is_new_to_all, UNLABELLED, verified_labels),
        new_classes=new,
        given_counts=given_counts,
    )
    return screened, voted


def _without_rows(voter: Voter, left_out: np.ndarray) -> Voter:
    keep = ~left_out[voter.rows]
    return voter if keep.all() else Voter(voter.name, voter.rows[keep], voter.labels[keep])


def _in_the_light_of(
    estimate: ErrorEstimate, voted: Voted, given_labels: np.ndarray
) -> ErrorEstimate:
    """Return the estimate with the voted posterior; its intervals keep their width in log-odds."""
    probs = voted.posterior.astype(estimate.true_label_probs.dtype)
    labelled = given_labels != UNLABELLED
    p_error = estimate.p_error.copy()
    changed = np.flatnonzero(labelled & voted.is_voted)
    p_error[changed] = 1 - voted.posterior[changed, given_labels[changed]]
    p_error[changed] = np.clip(p_error[changed], 0.0, 1.0)
    before = estimate.wrong_among

    def wrong_among(rows: np.ndarray) -> Interval:
        assert before is not None
        return moved(before(rows), float(p_error[rows].mean()))

    classes = []
    for label, interval in enumerate(estimate.class_noise_rates):
        rows = labelled & (given_labels == label)
        classes.append(moved(interval, float(p_error[rows].mean())) if rows.any() else interval)
    return replace(
        estimate,
        p_error=p_error,
        true_label_probs=probs,
        noise_rate=moved(estimate.noise_rate, float(p_error[labelled].mean())),
        class_noise_rates=tuple(classes),
        true_shares=probs[labelled].mean(axis=0, dtype=np.float64),
        wrong_among=None if before is None else wrong_among,
    )


def moved(interval: Interval, value: float) -> Interval:
    """Return an interval around another value, as wide in log-odds as it was.

    Args:
        interval: of a share, in [0, 1].
        value: the new share.
    """
    ends = log_odds(np.array([interval.low, interval.value, interval.high]))
    shift = float(log_odds(np.array([value]))[0] - ends[1])
    low, high = (float(end) for end in sigmoid(ends[[0, 2]] + shift))
    return Interval(value, min(low, value), max(high, value))


def text_probe(
    embeddings: Vectors | np.ndarray,
    written: np.ndarray,
    folds_of: Callable[[np.ndarray], np.ndarray],
    k: int,
) -> Probe:
    """Return the linear probe as ``combine`` asks it: labels in, out-of-fold probabilities out.

    Args:
        embeddings: (N, D) sentence embeddings.
        written: (N,) bool: the row has a text; others are not learned from.
        folds_of: from (N,) class ids to (N,) folds that keep near-duplicates together.
        k: number of classes.
    """
    from noisefix.probing.linear_probe import out_of_fold_probs

    def ask(labels: np.ndarray) -> np.ndarray:
        learned = np.where(written, labels, UNLABELLED)
        probs = out_of_fold_probs(embeddings, learned, folds_of(learned), k)
        return probs.astype(np.float64)

    return ask
